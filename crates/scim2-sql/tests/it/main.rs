//! The store through its public face.

#[cfg(test)]
mod agree;
#[cfg(test)]
mod columns;
#[cfg(test)]
mod connections;
#[cfg(test)]
mod crash;
#[cfg(test)]
mod database;
#[cfg(test)]
mod disk;
#[cfg(test)]
mod external_ids;
#[cfg(test)]
mod files;
#[cfg(test)]
mod groups;
#[cfg(test)]
mod injection;
#[cfg(test)]
mod integrity;
#[cfg(test)]
mod load;
#[cfg(test)]
mod outbox;
#[cfg(test)]
mod pages;
#[cfg(test)]
mod postgres;
#[cfg(test)]
mod races;
#[cfg(test)]
mod restarts;
#[cfg(test)]
mod rows;
#[cfg(test)]
mod store_rows;
#[cfg(test)]
mod support;
#[cfg(test)]
mod text;
#[cfg(test)]
mod tls;
