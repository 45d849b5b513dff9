// Package targettest is the conformance suite of the target contract: every
// driver of a sync type runs through Test. It drives attempts as the engine
// does, and as an engine that crashes after every step does, and compares what
// the outside system has seen.
package targettest
