// Package providertest is the conformance suite of the provider contract, and the harness for the
// tests of drivers.
//
// Every driver passes [Test], and [TestCapabilities] if its hosts can do more than be read, with a
// real Git repository behind a fake host. [FakeAPI] is what the fakes of several hosts have in
// common.
package providertest
