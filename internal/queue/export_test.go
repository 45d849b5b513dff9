package queue

const MigrationLock = migrationLock
