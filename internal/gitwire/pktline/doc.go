// Package pktline reads and writes the lines in which Git's protocols are framed.
//
// A line is four hexadecimal digits of length and as many bytes, or a marker between
// sections: flush (0000), delim (0001) or response-end (0002). A [Reader] bounds how
// many bytes it reads and returns a line "ERR …" as an error. A [Sideband] takes a
// pack out of lines that also carry progress messages and errors.
package pktline
