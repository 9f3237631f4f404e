//! The store and the evaluator agree on what a filter means.

use scim2_core::resource::ResourceId;
use scim2_core::syntax::Filter;
use scim2_core::{Policy, Resource};
use scim2_provider::store::Load;
use serde_json::{Map, Value, json};

use super::kit::{ENTERPRISE, Fault, Kit, ensure};
use super::promises;

promises! {
    "agree.filters", "a filter finds what `BoundFilter::matches` says, for many users and filters" => filters;
    "agree.after-changes", "the same when they have been changed" => after_changes;
}

/// How many users are there, and how many filters are tried on them.
const USERS: usize = 40;
const FILTERS: usize = 400;

async fn filters(kit: &Kit) -> Result<(), Fault> {
    let mut dice = Dice(0x5c1d_2a11);
    for number in 0..USERS {
        kit.insert_user(dice.user(number)).await?;
    }
    agree(kit, &mut dice, FILTERS).await
}

async fn after_changes(kit: &Kit) -> Result<(), Fault> {
    let mut dice = Dice(0x0dd5_eed5);
    let mut ids = Vec::new();
    for number in 0..USERS {
        let stored = kit.insert_user(dice.user(number)).await?;
        ids.push(ResourceId::from(stored.id()));
    }
    for (number, id) in ids.iter().enumerate() {
        match number % 3 {
            0 => kit.delete(&kit.user, id).await?,
            1 => {
                kit.replace(&kit.user, id, Load::Full, dice.user(number)).await??;
            }
            _ => {}
        }
    }
    agree(kit, &mut dice, FILTERS / 2).await
}

async fn agree(kit: &Kit, dice: &mut Dice, count: usize) -> Result<(), Fault> {
    let all = kit.query(&kit.user, &kit.page(1, 1000)).await?.resources;
    let documents: Vec<(String, Resource)> =
        all.iter().map(|stored| (stored.id().to_owned(), stored.document(&kit.user))).collect();
    for _ in 0..count {
        let text = dice.filter(3);
        let Ok(filter) = text.parse::<Filter>() else {
            return Err(Fault::Broken(format!("`{text}` is no filter")));
        };
        // What is not comparable in this way is refused before a store sees it.
        let Ok(bound) = kit.user.bind(&filter, &Policy::strict()) else { continue };
        let expected: Vec<String> = documents
            .iter()
            .filter(|(_, document)| bound.matches(document))
            .map(|(id, _)| id.clone())
            .collect();
        let found = kit.matching(&kit.user, &text).await?;
        ensure(found == expected, || {
            format!("`{text}` should find {} of {USERS} and finds {}", expected.len(), found.len())
        })?;
    }
    Ok(())
}

/// Text that databases and comparisons treat in ways of their own.
const TEXTS: [&str; 14] = [
    "a",
    "A",
    "ab",
    "aB",
    "b",
    "100%",
    "a_b",
    "straße",
    "STRASSE",
    "é",
    "e\u{301}",
    "Σίσυφος",
    "σ",
    "o'b",
];

const ATTRIBUTES: [&str; 13] = [
    "userName",
    "title",
    "nickName",
    "externalId",
    "active",
    "name.familyName",
    "emails",
    "emails.value",
    "emails.type",
    "emails.primary",
    "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department",
    "meta.created",
    "id",
];

const OPERATORS: [&str; 9] = ["eq", "ne", "co", "sw", "ew", "gt", "ge", "lt", "le"];

/// A sequence of numbers that is the same in every run, so that a failure can be looked into.
struct Dice(u64);

impl Dice {
    /// A number below `sides` (xorshift).
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        let high = usize::try_from(self.0 >> 33).unwrap_or_default();
        high % sides.max(1)
    }

    fn pick<T: Copy>(&mut self, list: &[T], otherwise: T) -> T {
        let at = self.roll(list.len());
        list.get(at).copied().unwrap_or(otherwise)
    }

    fn text(&mut self) -> &'static str {
        self.pick(&TEXTS, "a")
    }

    /// A user of whom anything may be missing.
    fn user(&mut self, number: usize) -> Value {
        let mut user = Map::new();
        user.insert("userName".to_owned(), format!("{}{number}", self.text()).into());
        for name in ["title", "nickName", "externalId"] {
            if self.roll(3) > 0 {
                user.insert(name.to_owned(), self.text().into());
            }
        }
        match self.roll(3) {
            0 => {}
            side => {
                user.insert("active".to_owned(), (side == 1).into());
            }
        }
        if self.roll(2) == 0 {
            user.insert("name".to_owned(), json!({"familyName": self.text()}));
        }
        let mut emails = Vec::new();
        for kind in ["work", "home", "other"].into_iter().take(self.roll(4)) {
            let mut email = json!({"value": self.text()});
            if let Some(email) = email.as_object_mut() {
                if self.roll(3) > 0 {
                    email.insert("type".to_owned(), kind.into());
                }
                match self.roll(3) {
                    0 if emails.is_empty() => {
                        email.insert("primary".to_owned(), true.into());
                    }
                    1 => {
                        email.insert("primary".to_owned(), false.into());
                    }
                    _ => {}
                }
            }
            emails.push(email);
        }
        if !emails.is_empty() {
            user.insert("emails".to_owned(), emails.into());
        }
        if self.roll(2) == 0 {
            user.insert(ENTERPRISE.to_owned(), json!({"department": self.text()}));
        }
        Value::Object(user)
    }

    /// A filter, at most so deep.
    fn filter(&mut self, depth: usize) -> String {
        match self.roll(if depth == 0 { 5 } else { 9 }) {
            0..=4 => self.comparison(&ATTRIBUTES, "title"),
            5 => format!("({}) and ({})", self.filter(depth - 1), self.filter(depth - 1)),
            6 => format!("({}) or ({})", self.filter(depth - 1), self.filter(depth - 1)),
            7 => format!("not ({})", self.filter(depth - 1)),
            _ => {
                let inner = ["value", "type", "primary"];
                let join = self.pick(&["and", "or"], "and");
                let (a, b) = (self.comparison(&inner, "value"), self.comparison(&inner, "value"));
                format!("emails[{a} {join} {b}]")
            }
        }
    }

    fn comparison(&mut self, attributes: &[&'static str], otherwise: &'static str) -> String {
        let attribute = self.pick(attributes, otherwise);
        if self.roll(6) == 0 {
            return format!("{attribute} pr");
        }
        let operator = self.pick(&OPERATORS, "eq");
        let literal = match attribute {
            "active" | "primary" | "emails.primary" => {
                self.pick(&["true", "false", "null"], "true").to_owned()
            }
            "meta.created" => "\"2020-01-01T00:00:00Z\"".to_owned(),
            _ if self.roll(12) == 0 => "null".to_owned(),
            "type" | "emails.type" => {
                format!("\"{}\"", self.pick(&["work", "HOME", "wo"], "work"))
            }
            _ => Value::from(self.text()).to_string(),
        };
        let operator = if literal == "null" { self.pick(&["eq", "ne"], "eq") } else { operator };
        format!("{attribute} {operator} {literal}")
    }
}
