//! Bad input of every kind, through the real programs: whoever waits gets a coded error, the
//! operator a message that says what to do, and nothing hangs or panics. Every wait has a
//! deadline, and what a program says on standard error is searched for panics whenever it is read.

mod authorities;
mod clients;
mod clocks;
mod endings;
mod floods;
mod secrets;
mod servers;
