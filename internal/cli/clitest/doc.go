// Package clitest runs the program in tests, against one of two servers: a
// [Server], which speaks the real protocol and whose operations the test writes,
// and an [Installation], which is the real API on a real database.
package clitest
