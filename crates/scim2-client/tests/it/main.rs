//! The client against scripted service providers, in process.

#[cfg(test)]
mod bulk;
#[cfg(test)]
mod calls;
#[cfg(test)]
mod discovery;
#[cfg(test)]
mod pages;
#[cfg(test)]
mod retries;
#[cfg(test)]
mod rows;
#[cfg(test)]
mod script;
#[cfg(test)]
mod security;
