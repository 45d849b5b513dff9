// Package config reads the settings of the server.
//
// # One table
//
// [Settings] are declared in one table (settings.go): the name, the field and so the type, the
// default and the documentation. Derived from it are the flags and their help, the LOCKSTEP_*
// variables, the keys of the YAML file, what --print-config prints, and docs/configuration.md. A new
// setting is a field and an entry in the table.
//
// # Precedence
//
// [Load] takes each setting from the first place that has it:
//
//	flag → LOCKSTEP_* variable → YAML file (--config) → default
//
// Its error lists everything that is wrong, each with the place where it was set. The seal key is
// the exception: it is a variable only, because flags are visible in the list of processes and a
// settings file is no place for a secret.
//
// # What it also reads
//
// [SealKeySource] opens the key that seals the secrets in the database. [LoadAWS] reads the AWS
// credential chain.
//
// The package opens no database and no listener.
package config
