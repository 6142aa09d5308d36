-- Version 2: what peers proved. A row of version 1 proved nothing, and its checksum still fits: these two columns go into the
-- checksum only where one of them differs from what is written here.
ALTER TABLE peer ADD COLUMN trust TEXT NOT NULL DEFAULT 'unsigned'; -- unsigned, pinned or verified
ALTER TABLE peer ADD COLUMN holds_name INTEGER NOT NULL DEFAULT 0;  -- 1: the name belongs to this row's key
