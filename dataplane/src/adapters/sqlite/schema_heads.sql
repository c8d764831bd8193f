-- Where a segment's first fragment ends, for lists of I-frames; unknown for what was committed before.
ALTER TABLE segments ADD COLUMN head_bytes INTEGER;
