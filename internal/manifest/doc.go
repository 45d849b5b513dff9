// Package fleet is sync as code: a file says which hosts, connections, repository
// links, sync configurations, policies and roles there shall be, and [Apply]
// makes it so. [Export] writes the file that the server as it is would come from.
//
// The way is always the same. [Parse] reads the file and refuses whatever it does
// not know, with the line. [Read] asks the server what there is. [Plan] compares
// the two, asks nobody, and gives the steps, which [Apply] carries out. So a plan
// can be shown without being carried out, and applying twice changes nothing: the
// second plan has no steps.
//
// # What identifies a thing
//
// Names do: the file has no ARNs. A host and a connection are known by their
// name, a repository link by OWNER/NAME, a configuration by sync type and
// resource, a policy and a role by their name. The server lets two hosts,
// connections or links have one name; such a name in a file, or anything that
// leads to it, is refused with the ARNs.
//
// # What a file does not say stays
//
// A list that is not in the file is not looked at. An optional key that is not
// there leaves what the server has: tags are removed by an empty map of tags and
// not by leaving them out. What the file has no entry for is left too, unless it
// is pruned, and then only in lists that the file has.
//
// Who may sign the commits of a configuration is two texts and one thing: a file
// that has either asks for both. They are checked as the server checks them, and a
// new configuration is made together with them, so that it is never without.
//
// # Order
//
// Hosts, connections, links and configurations come into being in this order and
// go in the opposite one, because each needs the one before. Roles and policies
// are last: whoever takes a right away from himself has done everything else
// by then. Within one kind several steps are carried out at once; policies one by
// one. After a failure no further step begins: what was done stays, and applying
// again goes on from there.
//
// No stack is ever touched: a configuration that goes leaves its stack as it is.
// No secret is in a file: a new connection waits for `lockstep connect`.
package manifest
