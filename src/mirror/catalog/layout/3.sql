-- Layout 3: what web archives tell of a capture.

-- The URL that answered, where redirects led to another than the source. NULL with redirects: an older version did not
-- write it.
ALTER TABLE capture ADD COLUMN url TEXT;
