-- Layout 1. Times are milliseconds since 1970 (UTC), digests 32 bytes, paths text where they are UTF-8 and bytes
-- where they are not.

CREATE TABLE run (
    id        INTEGER PRIMARY KEY,
    started   INTEGER NOT NULL,
    finished  INTEGER,
    tool      TEXT    NOT NULL,
    summary   TEXT
) STRICT;

CREATE TABLE document (
    id        INTEGER PRIMARY KEY,
    path      ANY     NOT NULL UNIQUE,  -- below documents/
    source    ANY     NOT NULL,         -- where it was read
    size      INTEGER,                  -- NULL until all of its references are here
    modified  INTEGER,                  -- nanoseconds
    digest    BLOB,
    settings  TEXT    NOT NULL,         -- what it was collected with; a change means collecting anew
    site      TEXT,                     -- where the article was published
    reread    INTEGER NOT NULL,         -- 1: collect anew even when unchanged
    plan      BLOB,                     -- digest of the edits as last written
    run       INTEGER NOT NULL          -- the last run that saw it
) STRICT;
CREATE INDEX document_run ON document (run);

-- Assets that the user wants whether a document refers to them or not (--urls).
CREATE TABLE wanted (
    run       INTEGER NOT NULL,
    asset     INTEGER NOT NULL REFERENCES asset,
    PRIMARY KEY (run, asset)
) STRICT, WITHOUT ROWID;

CREATE TABLE slot (
    id        INTEGER PRIMARY KEY,
    name      TEXT    NOT NULL UNIQUE
) STRICT;

CREATE TABLE blob (
    digest    BLOB    PRIMARY KEY,
    media     TEXT    NOT NULL,
    length    INTEGER NOT NULL,
    width     INTEGER,
    height    INTEGER
) STRICT, WITHOUT ROWID;

CREATE TABLE asset (
    id        INTEGER PRIMARY KEY,
    target    TEXT    NOT NULL UNIQUE,
    origin    TEXT    NOT NULL,
    hint      TEXT,                     -- a Referer that a proxy URL carried
    digest    BLOB    REFERENCES blob
) STRICT;

CREATE TABLE source (
    asset     INTEGER NOT NULL REFERENCES asset ON DELETE CASCADE,
    rank      INTEGER NOT NULL,
    url       TEXT    NOT NULL,
    PRIMARY KEY (asset, url)
) STRICT, WITHOUT ROWID;

CREATE TABLE reference (
    document  INTEGER NOT NULL REFERENCES document ON DELETE CASCADE,
    start     INTEGER NOT NULL,
    end       INTEGER NOT NULL,
    slot      INTEGER NOT NULL REFERENCES slot,
    layers    INTEGER NOT NULL,
    raw       TEXT    NOT NULL,
    fragment  TEXT,
    proxies   INTEGER NOT NULL,         -- how many were peeled off
    asset     INTEGER REFERENCES asset,
    skip      TEXT,                     -- why it is not to be fetched
    held      BLOB,                     -- the blob that it names already (documents edited in place)
    PRIMARY KEY (document, start)
) STRICT, WITHOUT ROWID;
CREATE INDEX reference_asset ON reference (asset) WHERE asset IS NOT NULL;

CREATE TABLE capture (
    id        INTEGER PRIMARY KEY,
    asset     INTEGER NOT NULL REFERENCES asset,
    run       INTEGER NOT NULL,
    fetched   INTEGER NOT NULL,
    source    TEXT    NOT NULL,
    redirects TEXT    NOT NULL,         -- JSON list
    status    INTEGER NOT NULL,
    digest    BLOB    NOT NULL REFERENCES blob,
    revisit   TEXT,                     -- 'not-modified', 'identical-payload' or NULL
    etag      TEXT,
    modified  TEXT,
    cache     TEXT,
    headers   TEXT    NOT NULL          -- JSON list of pairs
) STRICT;
CREATE INDEX capture_asset ON capture (asset);

CREATE TABLE failure (
    asset     INTEGER PRIMARY KEY REFERENCES asset,
    kind      TEXT    NOT NULL,
    detail    TEXT    NOT NULL,
    attempts  INTEGER NOT NULL,         -- requests, over all runs
    runs      INTEGER NOT NULL,         -- runs in a row that failed
    first     INTEGER NOT NULL,
    last      INTEGER NOT NULL,
    next      INTEGER NOT NULL,         -- not asked for again before
    run       INTEGER NOT NULL
) STRICT;

CREATE TABLE host (
    origin    TEXT    PRIMARY KEY,
    referer   TEXT    NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE proxy (
    prefix    TEXT    PRIMARY KEY,
    rule      TEXT    NOT NULL
) STRICT, WITHOUT ROWID;

-- The journal of documents that were edited in place: undone from the highest generation down.
CREATE TABLE rewrite (
    id         INTEGER PRIMARY KEY,
    document   INTEGER NOT NULL REFERENCES document,
    generation INTEGER NOT NULL,
    before     BLOB    NOT NULL,
    after      BLOB    NOT NULL,
    written    INTEGER NOT NULL,
    UNIQUE (document, generation)
) STRICT;

CREATE TABLE edit (
    rewrite   INTEGER NOT NULL REFERENCES rewrite ON DELETE CASCADE,
    start     INTEGER NOT NULL,         -- in the bytes before
    old       BLOB    NOT NULL,
    new       BLOB    NOT NULL,
    PRIMARY KEY (rewrite, start)
) STRICT, WITHOUT ROWID;
