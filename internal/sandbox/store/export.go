package store

import (
	"errors"
	"slices"

	"github.com/lockstephq/lockstep/internal/cfn/template"
	"github.com/lockstephq/lockstep/internal/db"
)

// ExportValue returns the current value of an export, and whether there is one. A
// database error makes the transaction fail later.
func (scope *Scope) ExportValue(name string) (string, bool) {
	var value string
	err := scope.Tx.QueryRow(`SELECT value FROM export WHERE account = $1 AND region = $2 AND name = $3
		AND from_at <= $4 AND (until_at IS NULL OR until_at > $4)`,
		scope.Account, scope.Region, name, scope.Now()).Scan(&value)
	return value, err == nil
}

// Exporter returns the ARN of another stack that exports a name, or is about to, and ""
// if there is none.
func (scope *Scope) Exporter(stack *Stack, name string) (string, error) {
	var arn string
	err := scope.Tx.QueryRow(`SELECT s.arn FROM export e JOIN stack s ON s.id = e.stack_id
		WHERE e.account = $1 AND e.region = $2 AND e.name = $3 AND e.stack_id <> $4
		AND (e.until_at IS NULL OR e.until_at > $5)`,
		scope.Account, scope.Region, name, stack.ID, scope.Now()).Scan(&arn)
	if errors.Is(err, db.ErrNoRows) {
		return "", nil
	}
	return arn, err
}

// Importers returns the names of stacks that import an export.
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

// UpdateExports records the exports and imports of a deployment. Its imports begin
// now. Its exports change when the deployment has succeeded.
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

		_, err := scope.Tx.Exec(`INSERT INTO import (stack_id, account, region, name, from_at, until_at)
			VALUES ($1, $2, $3, $4, $5, $6)`,
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

// publishExports records the exports of a successful deployment from its end on.
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
		_, err := scope.Tx.Exec(`INSERT INTO export (stack_id, account, region, name, value, from_at)
			VALUES ($1, $2, $3, $4, $5, $6)`,
			stack.ID, scope.Account, scope.Region, name, value, at)
		if err != nil {
			return err
		}
	}

	return nil
}

// listImports returns the exports that a stack imports.
func (scope *Scope) listImports(st *Stack) ([]string, error) {
	rows, err := scope.Tx.Query(`SELECT DISTINCT name FROM import WHERE stack_id = $1
		AND (until_at IS NULL OR until_at > $2) ORDER BY name`, st.ID, scope.Now())
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

// endExport ends one export or import of a stack.
func (scope *Scope) endExport(table string, st *Stack, name string, at int64) error {
	_, err := scope.Tx.Exec(`UPDATE `+table+` SET until_at = $1 WHERE stack_id = $2 AND name = $3
		AND until_at IS NULL`, at, st.ID, name)
	return err
}
