-- Version 4: which peers are away as announced. A row of an earlier version stays good: these two columns go into the checksum
-- only where they are set.
ALTER TABLE peer ADD COLUMN planned_until INTEGER; -- when a peer that left means to be back
ALTER TABLE peer ADD COLUMN planned_reason TEXT;   -- what it is away for
