// Package output prints what commands print: tables and sentences for people,
// JSON and YAML documents for programs.
//
// Text from a server or from Git is never printed as it is, since a terminal
// obeys control characters. Tables and [Fprintf] remove unsafe characters;
// documents escape them. Colors appear only on a terminal.
package output
