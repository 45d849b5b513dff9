package queue

const MigrationLock = migrationLock

var RiverTime = riverTime
