-- Why a repository or a branch cannot be read, and since when. It was not kept: only
-- the events of a failed repository sync had it.

ALTER TABLE repository_link ADD COLUMN poll_error text NOT NULL DEFAULT '';
ALTER TABLE repository_link ADD COLUMN poll_failing_since bigint;
ALTER TABLE repository_branch ADD COLUMN problem text NOT NULL DEFAULT '';
ALTER TABLE repository_branch ADD COLUMN problem_since bigint;

UPDATE repository_branch SET problem_since = (
        SELECT a.ended_at FROM repository_sync_attempt a
        WHERE a.link_id = repository_branch.link_id AND a.branch = repository_branch.branch AND a.ended_at IS NOT NULL
        ORDER BY a.seq DESC LIMIT 1),
    problem = coalesce((
        SELECT e.message FROM sync_event e WHERE e.repository_attempt_id = (
            SELECT a.id FROM repository_sync_attempt a
            WHERE a.link_id = repository_branch.link_id AND a.branch = repository_branch.branch
                AND a.ended_at IS NOT NULL
            ORDER BY a.seq DESC LIMIT 1)
        ORDER BY e.id DESC LIMIT 1), '')
WHERE 'FAILED' = (
    SELECT a.status FROM repository_sync_attempt a
    WHERE a.link_id = repository_branch.link_id AND a.branch = repository_branch.branch AND a.ended_at IS NOT NULL
    ORDER BY a.seq DESC LIMIT 1);
