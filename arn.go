package lockstep

import (
	"regexp"
	"strings"
)

// An ARN is the Amazon Resource Name of a host, a connection or a repository link:
//
//	arn:PARTITION:SERVICE:REGION:ACCOUNT:KIND/ID
//
// SERVICE is the API that the resource was created with: codeconnections or
// codestar-connections.
type ARN string

// MakeARN returns the ARN of a resource, in the partition of its region.
func MakeARN(service, region, account, kind, id string) ARN {
	return ARN("arn:" + Partition(region) + ":" + service + ":" + region + ":" + account + ":" + kind + "/" + id)
}

// Partition returns the AWS partition of a region: aws, aws-cn or aws-us-gov.
func Partition(region string) string {
	switch {
	case strings.HasPrefix(region, "cn-"):
		return "aws-cn"
	case strings.HasPrefix(region, "us-gov-"):
		return "aws-us-gov"
	}
	return "aws"
}

// Service returns the service of a, or "" if a is not an ARN.
func (a ARN) Service() string { return a.field(2) }

// Region returns the region of a, or "" if a is not an ARN.
func (a ARN) Region() string { return a.field(3) }

// Account returns the account of a, or "" if a is not an ARN.
func (a ARN) Account() string { return a.field(4) }

// Resource returns the part of a after the account, such as connection/ID, or "" if
// a is not an ARN.
func (a ARN) Resource() string { return a.field(5) }

func (a ARN) field(index int) string {
	fields := strings.SplitN(string(a), ":", 6)
	if len(fields) < 6 {
		return ""
	}
	return fields[index]
}

// An AccountID is an AWS account id: twelve digits.
type AccountID string

var accountID = regexp.MustCompile(`^[0-9]{12}$`)

// Valid reports whether a consists of twelve digits.
func (a AccountID) Valid() bool { return accountID.MatchString(string(a)) }
