-- Layout 2: what runs without a person need to remember.

-- A host that was set aside is asked by one request at a time in the next run; one that asked for peace has it.
ALTER TABLE host ADD COLUMN failing INTEGER NOT NULL DEFAULT 0;  -- 1: the last run had to set it aside
ALTER TABLE host ADD COLUMN until   INTEGER;                     -- not asked before

-- When the bytes of a blob were last hashed and found to be those of its name.
ALTER TABLE blob ADD COLUMN checked INTEGER;

-- Which assets have a blob: what a document that was edited in place shows is led back to where it came from.
CREATE INDEX asset_digest ON asset (digest) WHERE digest IS NOT NULL;

-- When the source of a document was first found to be gone. Its references are released; its copy stays until `prune`.
ALTER TABLE document ADD COLUMN released INTEGER;

-- The digest of a mirrored document as it was last written, for `check`; NULL where an older version wrote it.
ALTER TABLE document ADD COLUMN written BLOB;

-- What runs were given to read, absolute. An input that is not there is a reason to remove nothing.
CREATE TABLE input (
    path      ANY     PRIMARY KEY,
    run       INTEGER NOT NULL          -- the last run that was given it
) STRICT, WITHOUT ROWID;

-- What holds for the mirror as a whole, by the names in settings.rs.
CREATE TABLE setting (name TEXT PRIMARY KEY, value ANY NOT NULL) STRICT, WITHOUT ROWID;

-- What wrote to the mirror: 'sync' or 'repair'.
ALTER TABLE run ADD COLUMN kind TEXT NOT NULL DEFAULT 'sync';

-- Assets that a repair asks for again. The list of --urls stays what it was.
CREATE TABLE repair (
    run       INTEGER NOT NULL,
    asset     INTEGER NOT NULL,
    PRIMARY KEY (run, asset)
) STRICT, WITHOUT ROWID;
