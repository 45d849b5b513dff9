-- A reservation kept attempts from starting while a preview deleted an empty stack.
-- Empty stacks are no longer deleted.

ALTER TABLE resource DROP COLUMN reserved_until;
