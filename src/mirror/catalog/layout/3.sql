-- Layout 3: what `check` compares mirrored documents with.

-- The digest of the mirrored document as it was last written; NULL where an older version wrote it.
ALTER TABLE document ADD COLUMN written BLOB;
