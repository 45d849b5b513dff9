package lockstep

import (
	"regexp"
	"strings"
)

// An ARN names a host, a connection or a repository link:
// arn:PARTITION:SERVICE:REGION:ACCOUNT:KIND/ID. SERVICE is the API by which it
// was made, codeconnections or codestar-connections.
type ARN string

// MakeARN builds the ARN of a thing in the partition its region belongs to.
func MakeARN(service, region, account, kind, id string) ARN {
	return ARN("arn:" + Partition(region) + ":" + service + ":" + region + ":" + account + ":" + kind + "/" + id)
}

// Partition gives the AWS partition of a region: aws, aws-cn, aws-us-gov.
func Partition(region string) string {
	switch {
	case strings.HasPrefix(region, "cn-"):
		return "aws-cn"
	case strings.HasPrefix(region, "us-gov-"):
		return "aws-us-gov"
	}
	return "aws"
}

func (a ARN) field(n int) string {
	fields := strings.SplitN(string(a), ":", 6)
	if len(fields) < 6 {
		return ""
	}
	return fields[n]
}

// Service gives the service part, "" where a is not an ARN.
func (a ARN) Service() string { return a.field(2) }

// Region gives the region part, "" where a is not an ARN.
func (a ARN) Region() string { return a.field(3) }

// Account gives the account part, "" where a is not an ARN.
func (a ARN) Account() string { return a.field(4) }

// Resource gives what follows the account, such as connection/ID.
func (a ARN) Resource() string { return a.field(5) }

// An AccountID is an AWS account id: twelve digits.
type AccountID string

var accountID = regexp.MustCompile(`^[0-9]{12}$`)

// Valid says whether a is twelve digits.
func (a AccountID) Valid() bool { return accountID.MatchString(string(a)) }
