package store

import (
	"errors"
	"slices"

	"github.com/lockstephq/lockstep/internal/cfn/template"
	"github.com/lockstephq/lockstep/internal/db"
)

// ExportValue answers an import: the value of an export in force now. A failure
// to read ends the transaction, and so shows.
func (scope *Scope) ExportValue(name string) (string, bool) {
	var value string
	err := scope.Tx.QueryRow(`SELECT value FROM export WHERE account = $1 AND region = $2 AND name = $3
		AND from_at <= $4 AND (until_at IS NULL OR until_at > $4)`, scope.Account, scope.Region, name, scope.Now()).Scan(&value)
	return value, err == nil
}

// Exporter names another stack that exports, or is about to export, a name.
func (scope *Scope) Exporter(stack *Stack, name string) (string, error) {
	var arn string
	err := scope.Tx.QueryRow(`SELECT s.arn FROM export e JOIN stack s ON s.id = e.stack_id
		WHERE e.account = $1 AND e.region = $2 AND e.name = $3 AND e.stack_id <> $4 AND (e.until_at IS NULL OR e.until_at > $5)`,
		scope.Account, scope.Region, name, stack.ID, scope.Now()).Scan(&arn)
	if errors.Is(err, db.ErrNoRows) {
		return "", nil
	}
	return arn, err
}

// Importers lists the stacks that use an export.
func (scope *Scope) Importers(name string) ([]string, error) {
	rows, err := scope.Tx.Query(`SELECT DISTINCT s.name FROM import i JOIN stack s ON s.id = i.stack_id
		WHERE i.account = $1 AND i.region = $2 AND i.name = $3 AND (i.until_at IS NULL OR i.until_at > $4)
		ORDER BY s.name LIMIT 20`, scope.Account, scope.Region, name, scope.Now())
	if err != nil {
		return nil, err
	}
	defer rows.Close()

	var out []string
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return nil, err
		}

		out = append(out, name)
	}

	return out, rows.Err()
}

// UpdateExports writes what a deployment changes about exports and imports. What it
// imports is in use from now on; exports change when it has succeeded.
func (scope *Scope) UpdateExports(stack *Stack, imports []string, outputs []template.Output, outcome Outcome) error {
	begun, err := scope.listImports(stack)
	if err != nil {
		return err
	}

	for _, name := range imports {
		if slices.Contains(begun, name) {
			continue
		}

		var until *int64
		if !outcome.Succeeded {
			until = &outcome.EndsAt
		}

		_, err := scope.Tx.Exec(`INSERT INTO import (stack_id, account, region, name, from_at, until_at) VALUES ($1, $2, $3, $4, $5, $6)`,
			stack.ID, scope.Account, scope.Region, name, scope.Now(), until)
		if err != nil {
			return err
		}
	}

	if !outcome.Succeeded {
		return nil
	}

	for _, name := range begun {
		if !slices.Contains(imports, name) {
			if err := scope.endExport("import", stack, name, outcome.EndsAt); err != nil {
				return err
			}
		}
	}

	return scope.publishExports(stack, outputs, outcome.EndsAt)
}

// publishExports puts the exports of a deployment that succeeds in force at its end.
func (scope *Scope) publishExports(stack *Stack, outputs []template.Output, at int64) error {
	keeps := map[string]string{}
	for _, output := range outputs {
		if output.Export != "" {
			keeps[output.Export] = output.Value
		}
	}

	for _, output := range stack.Outputs {
		if output.Export == "" {
			continue
		}

		if keeps[output.Export] == output.Value {
			delete(keeps, output.Export)
			continue
		}

		if err := scope.endExport("export", stack, output.Export, at); err != nil {
			return err
		}
	}

	for name, value := range keeps {
		_, err := scope.Tx.Exec(`INSERT INTO export (stack_id, account, region, name, value, from_at) VALUES ($1, $2, $3, $4, $5, $6)`,
			stack.ID, scope.Account, scope.Region, name, value, at)
		if err != nil {
			return err
		}
	}

	return nil
}

// listImports lists the exports that a stack uses.
func (scope *Scope) listImports(st *Stack) ([]string, error) {
	rows, err := scope.Tx.Query(`SELECT DISTINCT name FROM import WHERE stack_id = $1 AND (until_at IS NULL OR until_at > $2) ORDER BY name`, st.ID, scope.Now())
	if err != nil {
		return nil, err
	}
	defer rows.Close()

	var out []string
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return nil, err
		}

		out = append(out, name)
	}

	return out, rows.Err()
}

// endExport takes one export or import of a stack out of force.
func (scope *Scope) endExport(table string, st *Stack, name string, at int64) error {
	_, err := scope.Tx.Exec(`UPDATE `+table+` SET until_at = $1 WHERE stack_id = $2 AND name = $3 AND until_at IS NULL`, at, st.ID, name)
	return err
}
