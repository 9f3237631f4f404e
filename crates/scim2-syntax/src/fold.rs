use alloc::vec::Vec;

use crate::{
    AttrPath, CompareOp, CompareValue, Filter, FilterRef,
    filter::{Brackets, NodeKind},
};

/// Turns a filter into something else, from the expressions outwards: a query, another notation, a set of names.
///
/// [`Filter::fold`] calls one method for each part. The results of inner parts are handed to the part around them,
/// so that no implementation has to recurse. Expressions come in the order written.
///
/// ```
/// use std::convert::Infallible;
/// use scim2_syntax::{AttrPath, CompareOp, CompareValue, Filter, Fold};
///
/// /// The prefix notation of LDAP, as far as this example goes.
/// struct Ldap;
///
/// impl Fold<'_> for Ldap {
///     type Output = String;
///     type Error = Infallible;
///
///     fn present(&mut self, path: &AttrPath) -> Result<String, Infallible> {
///         Ok(format!("({path}=*)"))
///     }
///     fn compare(&mut self, path: &AttrPath, _: CompareOp, value: &CompareValue) -> Result<String, Infallible> {
///         Ok(format!("({path}={value})"))
///     }
///     fn and(&mut self, terms: Vec<String>) -> Result<String, Infallible> {
///         Ok(format!("(&{})", terms.concat()))
///     }
///     fn or(&mut self, terms: Vec<String>) -> Result<String, Infallible> {
///         Ok(format!("(|{})", terms.concat()))
///     }
///     fn not(&mut self, inner: String) -> Result<String, Infallible> {
///         Ok(format!("(!{inner})"))
///     }
///     fn value_path(&mut self, path: &AttrPath, inner: String) -> Result<String, Infallible> {
///         Ok(format!("({path}:{inner})"))
///     }
/// }
///
/// let filter: Filter = "title pr and not (active eq false or locale pr)".parse().unwrap();
/// assert_eq!(filter.fold(&mut Ldap), Ok("(&(title=*)(!(|(active=false)(locale=*))))".to_owned()));
/// ```
pub trait Fold<'a> {
    /// What a part becomes.
    type Output;
    /// Why a part cannot become one.
    type Error;

    /// `path pr`
    ///
    /// # Errors
    /// The implementation's.
    fn present(&mut self, path: &'a AttrPath) -> Result<Self::Output, Self::Error>;

    /// `path op value`
    ///
    /// # Errors
    /// The implementation's.
    fn compare(
        &mut self,
        path: &'a AttrPath,
        op: CompareOp,
        value: &'a CompareValue,
    ) -> Result<Self::Output, Self::Error>;

    /// `… and …`, two or more terms
    ///
    /// # Errors
    /// The implementation's.
    fn and(&mut self, terms: Vec<Self::Output>) -> Result<Self::Output, Self::Error>;

    /// `… or …`, two or more terms
    ///
    /// # Errors
    /// The implementation's.
    fn or(&mut self, terms: Vec<Self::Output>) -> Result<Self::Output, Self::Error>;

    /// `not (…)`
    ///
    /// # Errors
    /// The implementation's.
    fn not(&mut self, inner: Self::Output) -> Result<Self::Output, Self::Error>;

    /// `path[`: the paths that come now, until [`value_path`](Self::value_path), are relative to this one.
    ///
    /// # Errors
    /// The implementation's. By default it does nothing.
    fn enter(&mut self, path: &'a AttrPath) -> Result<(), Self::Error> {
        let _ = path;
        Ok(())
    }

    /// `path[…]`
    ///
    /// # Errors
    /// The implementation's.
    fn value_path(
        &mut self,
        path: &'a AttrPath,
        inner: Self::Output,
    ) -> Result<Self::Output, Self::Error>;
}

impl Filter {
    /// Turns the filter into something else; see [`Fold`].
    ///
    /// # Errors
    /// The first error of a method of `fold`.
    pub fn fold<'a, F: Fold<'a>>(&'a self, fold: &mut F) -> Result<F::Output, F::Error> {
        self.as_ref().fold(fold)
    }
}

impl<'a> FilterRef<'a> {
    /// Turns what stands here into something else; see [`Fold`].
    ///
    /// # Errors
    /// The first error of a method of `fold`.
    #[expect(clippy::expect_used, reason = "operands stand before their operators")]
    pub fn fold<F: Fold<'a>>(self, fold: &mut F) -> Result<F::Output, F::Error> {
        let nodes = self.subtree();
        let mut brackets = Brackets::new(nodes);
        let mut done: Vec<F::Output> = Vec::new();
        for (at, node) in nodes.iter().enumerate() {
            if let Some(path) = brackets.opening(at) {
                fold.enter(path)?;
            }
            let mut operand = || done.pop().expect("the operand is done");
            let output = match &node.kind {
                NodeKind::Present(path) => fold.present(path)?,
                NodeKind::Compare(path, op, value) => fold.compare(path, *op, value)?,
                NodeKind::Not => fold.not(operand())?,
                NodeKind::ValuePath(path) => fold.value_path(path, operand())?,
                NodeKind::And(operands) => {
                    fold.and(done.split_off(done.len() - operands.count as usize))?
                }
                NodeKind::Or(operands) => {
                    fold.or(done.split_off(done.len() - operands.count as usize))?
                }
            };
            done.push(output);
        }
        Ok(done.pop().expect("a filter has a root"))
    }
}
