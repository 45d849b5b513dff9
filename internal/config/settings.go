package config

import (
	"io"
	"time"

	"github.com/spf13/pflag"
	"go.yaml.in/yaml/v3"

	"github.com/lockstephq/lockstep/internal/seal"
)

// Settings are everything that an administrator can set. The table below documents each field.
type Settings struct {
	DB                 string
	Listen             string
	TLSCert            string
	TLSKey             string
	PlainHTTP          bool
	MaxConnections     int
	MaxPerAddress      int
	MetricsListen      string
	WebhookListen      string
	PublicURL          string
	Target             string
	SandboxFile        string
	SealKeyFile        string
	SealKeyKMS         string
	AWSQuotas          bool
	LongLivedKeys      bool
	WebIdentityIssuers []string
	ThrottleRead       float64
	ThrottleWrite      float64
	ThrottleHost       float64
	GitRoots           []string
	GitPrivate         bool
	GitLoopback        bool
	GitProxy           string
	KnownHosts         string
	PollInterval       time.Duration
	PreviewForks       bool
	AllowRewinds       bool
	KeepFor            time.Duration
	KeepAttempts       int
	Workers            int
	LogFormat          string

	// SealKey is the key that seals credentials, in the form of the seal key file and in its place.
	// It is set by the variable LOCKSTEP_SEAL_KEY only. Defaults to none.
	SealKey seal.Secret
}

// A setting is an entry of the table.
type setting struct {
	// name is the flag, the key in the YAML file and, in capitals behind LOCKSTEP_, the variable.
	name string
	// field points to the field of the Settings, which has the type.
	field any
	// byDefault is the default, of the field's type. nil is the zero value.
	byDefault any
	// usage is the help of the flag, with the placeholder of its value in backquotes.
	usage string
	// details is what docs/configuration.md says in addition.
	details string
	// redact, if not nil, removes a password from a value that is printed.
	redact func(string) string
}

// bind declares a flag per setting that sets its field.
func (s *Settings) bind(fs *pflag.FlagSet) {
	for _, row := range s.table() {
		switch field := row.field.(type) {
		case *string:
			fs.StringVar(field, row.name, valueOr[string](row.byDefault), row.usage)
		case *bool:
			fs.BoolVar(field, row.name, valueOr[bool](row.byDefault), row.usage)
		case *int:
			fs.IntVar(field, row.name, valueOr[int](row.byDefault), row.usage)
		case *float64:
			fs.Float64Var(field, row.name, valueOr[float64](row.byDefault), row.usage)
		case *[]string:
			fs.StringSliceVar(field, row.name, valueOr[[]string](row.byDefault), row.usage)
		case *time.Duration:
			fs.DurationVar(field, row.name, valueOr[time.Duration](row.byDefault), row.usage)
		}
	}
}

// valueOr returns a default, or the zero value for nil.
func valueOr[T any](byDefault any) T {
	value, _ := byDefault.(T)
	return value
}

// Print writes the settings in effect in the format of the YAML file, without the seal key and with
// passwords hidden.
func (s Settings) Print(w io.Writer) error {
	document := &yaml.Node{Kind: yaml.MappingNode}
	for _, row := range s.table() {
		key, value := new(yaml.Node), new(yaml.Node)
		key.SetString(row.name)
		if err := value.Encode(row.printed()); err != nil {
			return err
		}
		document.Content = append(document.Content, key, value)
	}

	return yaml.NewEncoder(w).Encode(document)
}

// printed returns the value of a setting as it may be shown.
func (row setting) printed() any {
	switch field := row.field.(type) {
	case *string:
		if row.redact != nil {
			return row.redact(*field)
		}
	case *time.Duration:
		return field.String()
	}
	return row.field
}
