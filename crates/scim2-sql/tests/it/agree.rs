//! These stores and the one in memory are the same store, but for where they keep things: whatever
//! is done to all, whatever is asked of all, the answers are equal.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Mutex};

use chrono::{DateTime, Utc};
use futures_util::future::join_all;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::TestRunner;
use scim2_core::change::{Member, MemberDelta};
use scim2_core::resource::ResourceId;
use scim2_core::schema::{Attribute, AttributeType};
use scim2_core::sort::SortOrder;
use scim2_core::syntax::Filter;
use scim2_core::syntax::{AttrName, SchemaUri};
use scim2_core::{Catalog, Policy, Resource, ResourceType, Schema, Valid};
use scim2_provider::store::{Dangling, Load, Page, Query, StoreError, Stored, if_match};
use scim2_provider::{Clock, MemoryStore, ProvisioningDomain, Scope, Store};
use scim2_sql::{Durability, PostgresStore, Secrets, SqliteStore};
use serde_json::{Map, Value, json};

use tokio::runtime::Runtime;

use crate::database;
use crate::support::{ENTERPRISE, ManualClock, tenant};

/// Texts that differ in case, in composition, not at all, or in what SQL would make of them.
const TEXTS: [&str; 14] = [
    "a",
    "A",
    "ab",
    "\u{e9}",
    "e\u{301}",
    "stra\u{df}e",
    "STRASSE",
    "%_\\'\"",
    "\u{131}",
    "\u{130}",
    "\u{3a3}\u{3c2}",
    "\u{fb01}",
    "\u{212a}",
    "x y",
];

/// An extension with an attribute of every other type, and values of each as JSON writes them.
const EXTRA: &str = "urn:example:extra";
const TYPED: [(&str, AttributeType, &[&str]); 4] = [
    (
        "rank",
        AttributeType::Integer,
        &["0", "-1", "7", "10", "9007199254740993", "9007199254740992", "-9007199254740993"],
    ),
    ("score", AttributeType::Decimal, &["0", "0.5", "0.50", "-0.25", "1000.0", "1e3", "1e-7"]),
    (
        "since",
        AttributeType::DateTime,
        &[
            r#""2011-05-13T04:42:34Z""#,
            r#""2011-05-13T06:42:34+02:00""#,
            r#""2011-05-13T04:42:34.5Z""#,
            r#""1969-12-31T23:59:59.999Z""#,
        ],
    ),
    ("photo", AttributeType::Binary, &[r#""QQ==""#, r#""QUI=""#, r#""+/8=""#]),
];

static USER: LazyLock<ResourceType> = LazyLock::new(|| {
    let attributes = TYPED.map(|(name, attribute_type, _)| {
        Attribute::new(AttrName::new(name).unwrap(), attribute_type)
    });
    let schema = Schema::new(SchemaUri::new(EXTRA).unwrap(), attributes.into());
    ResourceType::user().with_extension(schema)
});

fn catalog() -> Catalog {
    let mut catalog = Catalog::default();
    catalog.register(USER.clone()).unwrap();
    catalog.register(ResourceType::group()).unwrap();
    catalog
}

/// Names a resource: one that was made, or one that never was.
#[derive(Clone, Debug)]
enum Ref {
    Made(prop::sample::Index),
    Ghost(&'static str),
}

#[derive(Clone, Debug)]
struct UserBody {
    user_name: &'static str,
    display_name: Option<&'static str>,
    title: Option<&'static str>,
    external_id: Option<&'static str>,
    active: Option<bool>,
    emails: Vec<(&'static str, &'static str, bool)>,
    employee_number: Option<&'static str>,
    manager: Option<Ref>,
    /// Of each typed attribute, which of its values.
    typed: [Option<prop::sample::Index>; TYPED.len()],
}

#[derive(Clone, Debug)]
enum Op {
    CreateUser(UserBody),
    CreateGroup(&'static str, Vec<Ref>),
    ReplaceUser(prop::sample::Index, UserBody, Load),
    ReplaceGroup(prop::sample::Index, &'static str, Vec<Ref>, Load),
    ChangeMembers(prop::sample::Index, Vec<Ref>, Vec<Ref>),
    Delete(prop::sample::Index),
}

#[derive(Clone, Debug)]
enum Literal {
    Text(&'static str),
    Bool(bool),
    Json(&'static str),
    Id(Ref),
}

#[derive(Clone, Debug)]
enum Term {
    Present(&'static str),
    Compare(&'static str, &'static str, Literal),
    Within(&'static str, Box<Self>),
    And(Vec<Self>),
    Or(Vec<Self>),
    Not(Box<Self>),
}

#[derive(Clone, Debug)]
struct Asked {
    group: bool,
    /// Whether what is found is also read by cursor, to the end.
    walk: bool,
    domain: bool,
    filter: Option<Term>,
    sort: Option<(&'static str, SortOrder)>,
    start: u64,
    count: u64,
    load: Load,
}

fn text() -> impl Strategy<Value = &'static str> + Clone {
    select(&TEXTS[..])
}

fn reference() -> impl Strategy<Value = Ref> + Clone {
    prop_oneof![
        9 => any::<prop::sample::Index>().prop_map(Ref::Made),
        1 => select(&["ghost", "\u{212a}", "e\u{301}"][..]).prop_map(Ref::Ghost),
    ]
}

fn user() -> impl Strategy<Value = UserBody> {
    (
        text(),
        option::of(text()),
        option::of(text()),
        option::of(text()),
        option::of(any::<bool>()),
        vec((text(), select(&["work", "home"][..]), any::<bool>()), 0..3),
        option::of(text()),
        option::of(reference()),
        prop::array::uniform4(option::of(any::<prop::sample::Index>())),
    )
        .prop_map(
            |(
                user_name,
                display_name,
                title,
                external_id,
                active,
                emails,
                employee_number,
                manager,
                typed,
            )| {
                UserBody {
                    user_name,
                    display_name,
                    title,
                    external_id,
                    active,
                    emails,
                    employee_number,
                    manager,
                    typed,
                }
            },
        )
}

fn load() -> impl Strategy<Value = Load> {
    select(&[Load::Full, Load::WithoutMembers][..])
}

fn op() -> impl Strategy<Value = Op> {
    let index = any::<prop::sample::Index>;
    let refs = || vec(reference(), 0..4);
    prop_oneof![
        5 => user().prop_map(Op::CreateUser),
        3 => (text(), refs()).prop_map(|(name, members)| Op::CreateGroup(name, members)),
        2 => (index(), user(), load()).prop_map(|(i, body, load)| Op::ReplaceUser(i, body, load)),
        1 => (index(), text(), refs(), load())
            .prop_map(|(i, name, members, load)| Op::ReplaceGroup(i, name, members, load)),
        3 => (index(), refs(), refs()).prop_map(|(i, add, gone)| Op::ChangeMembers(i, add, gone)),
        1 => index().prop_map(Op::Delete),
    ]
}

/// Terms on the attributes of a type; `inside` of one multi-valued attribute, its name is given.
fn leaf(group: bool, inside: Option<&'static str>) -> BoxedStrategy<Term> {
    const MANAGER_VALUE: &str =
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.value";
    const MANAGER_NAME: &str =
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.displayName";
    const NUMBER: &str =
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:employeeNumber";
    let (texts, ids, bools): (&[&str], &[&str], &[&str]) = match (inside, group) {
        (Some("emails"), _) => (&["value", "type"], &[], &["primary"]),
        (Some(_), _) => (&["display", "type"], &["value"], &[]),
        (None, false) => (
            &[
                "userName",
                "displayName",
                "title",
                "externalId",
                "emails",
                "emails.value",
                "emails.type",
                "groups.display",
                "groups.type",
                MANAGER_NAME,
                NUMBER,
                "meta.version",
            ],
            &["id", "groups.value", "groups", MANAGER_VALUE],
            &["active", "emails.primary"],
        ),
        (None, true) => (
            &["displayName", "externalId", "members.display", "members.type"],
            &["id", "members.value", "members"],
            &[],
        ),
    };
    let all: Vec<_> = texts.iter().chain(ids).chain(bools).copied().collect();
    let literal = prop_oneof![
        6 => text(),
        1 => select(&["work", "direct", "indirect", "User", "W/\\\"2\\\""][..]),
    ];
    let mut choices = vec![(1, select(all).prop_map(Term::Present).boxed())];
    let compare = ["eq", "eq", "eq", "ne", "co", "sw", "ew", "gt", "ge", "lt", "le"];
    let on_text = (select(texts), select(compare.to_vec()), literal)
        .prop_map(|(attr, op, text)| Term::Compare(attr, op, Literal::Text(text)));
    choices.push((6, on_text.boxed()));
    if inside.is_none() && !group {
        let on_typed = select(&TYPED[..]).prop_flat_map(|(name, attribute_type, values)| {
            let compare: &[&str] = match attribute_type {
                AttributeType::Binary => &["eq", "ne"],
                _ => &["eq", "ne", "gt", "ge", "lt", "le"],
            };
            let attr = match name {
                "rank" => "urn:example:extra:rank",
                "score" => "urn:example:extra:score",
                "since" => "urn:example:extra:since",
                _ => "urn:example:extra:photo",
            };
            prop_oneof![
                8 => (select(compare), select(values))
                    .prop_map(move |(op, value)| Term::Compare(attr, op, Literal::Json(value))),
                1 => Just(Term::Present(attr)),
            ]
        });
        choices.push((4, on_typed.boxed()));
    }
    if !ids.is_empty() {
        let compare = ["eq", "eq", "eq", "eq", "ne", "gt", "le"];
        let on_id = (select(ids), select(compare.to_vec()), reference())
            .prop_map(|(attr, op, id)| Term::Compare(attr, op, Literal::Id(id)));
        choices.push((6, on_id.boxed()));
    }
    if !bools.is_empty() {
        let on_bool = (select(bools), select(vec!["eq", "ne"]), any::<bool>())
            .prop_map(|(attr, op, flag)| Term::Compare(attr, op, Literal::Bool(flag)));
        choices.push((2, on_bool.boxed()));
    }
    proptest::strategy::Union::new_weighted(choices).boxed()
}

fn compound(leaf: impl Strategy<Value = Term> + 'static) -> BoxedStrategy<Term> {
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            vec(inner.clone(), 2..4).prop_map(Term::And),
            vec(inner.clone(), 2..4).prop_map(Term::Or),
            inner.prop_map(|term| Term::Not(Box::new(term))),
        ]
    })
    .boxed()
}

fn filter(group: bool) -> BoxedStrategy<Term> {
    let lists: &[&str] = if group { &["members"] } else { &["emails", "groups"] };
    let within = select(lists).prop_flat_map(move |list| {
        compound(leaf(group, Some(list))).prop_map(move |term| Term::Within(list, Box::new(term)))
    });
    compound(prop_oneof![4 => leaf(group, None), 1 => within])
}

fn asked() -> impl Strategy<Value = Asked> {
    any::<bool>().prop_flat_map(|group| {
        let paths: &[&str] = if group {
            &["displayName", "id"]
        } else {
            &[
                "userName",
                "title",
                "emails",
                "active",
                "meta.lastModified",
                "id",
                "urn:example:extra:rank",
                "urn:example:extra:score",
                "urn:example:extra:since",
            ]
        };
        let order = select(&[SortOrder::Ascending, SortOrder::Descending][..]);
        (
            any::<bool>(),
            prop::bool::weighted(0.3),
            option::weighted(0.9, filter(group)),
            option::weighted(0.3, (select(paths), order)),
            0..6_u64,
            0..6_u64,
            load(),
        )
            .prop_map(move |(domain, walk, filter, sort, start, count, load)| Asked {
                group,
                walk,
                domain,
                filter,
                sort,
                start,
                count,
                load,
            })
    })
}

/// One store, and the names by which the resources in it are known to both.
struct Side<S> {
    store: S,
    tenant: String,
    /// The `id` and type of everything that was ever made.
    made: Vec<(String, ResourceType)>,
}

impl<S: Store> Side<S> {
    fn id(&self, reference: &Ref) -> String {
        match reference {
            Ref::Made(_) if self.made.is_empty() => "nobody".to_owned(),
            Ref::Made(index) => self.made[index.index(self.made.len())].0.clone(),
            Ref::Ghost(name) => (*name).to_owned(),
        }
    }

    fn target(
        &self,
        index: &prop::sample::Index,
        ty: Option<&ResourceType>,
    ) -> Option<(String, ResourceType)> {
        let fitting: Vec<_> = self
            .made
            .iter()
            .filter(|(_, known)| ty.is_none_or(|ty| ty.name() == known.name()))
            .collect();
        if fitting.is_empty() { None } else { Some(fitting[index.index(fitting.len())].clone()) }
    }

    fn user(&self, body: &UserBody) -> Option<Valid<Resource>> {
        let mut map = Map::new();
        let mut schemas = vec!["urn:ietf:params:scim:schemas:core:2.0:User"];
        map.insert("userName".into(), body.user_name.into());
        let texts = [
            ("displayName", body.display_name),
            ("title", body.title),
            ("externalId", body.external_id),
        ];
        for (name, text) in texts {
            if let Some(text) = text {
                map.insert(name.into(), text.into());
            }
        }
        if let Some(active) = body.active {
            map.insert("active".into(), active.into());
        }
        let emails: Vec<_> = body
            .emails
            .iter()
            .map(|(value, kind, primary)| json!({"value": value, "type": kind, "primary": primary}))
            .collect();
        map.insert("emails".into(), emails.into());
        let mut enterprise = Map::new();
        if let Some(number) = body.employee_number {
            enterprise.insert("employeeNumber".into(), number.into());
        }
        if let Some(manager) = &body.manager {
            enterprise.insert("manager".into(), json!({"value": self.id(manager)}));
        }
        let mut extra = Map::new();
        for ((name, _, values), index) in TYPED.iter().zip(&body.typed) {
            let Some(index) = index else { continue };
            let value = values[index.index(values.len())];
            extra.insert((*name).to_owned(), serde_json::from_str(value).unwrap());
        }
        if !extra.is_empty() {
            schemas.push(EXTRA);
            map.insert(EXTRA.into(), extra.into());
        }
        if !enterprise.is_empty() {
            schemas.push(ENTERPRISE);
            map.insert(ENTERPRISE.into(), enterprise.into());
        }
        map.insert("schemas".into(), schemas.into());
        USER.validate_new(Resource::from(map), &Policy::strict()).ok()
    }

    fn group(&self, name: &str, members: &[Ref]) -> Option<Valid<Resource>> {
        let members: Vec<_> = members.iter().map(|id| json!({"value": self.id(id)})).collect();
        let body = json!({
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"],
            "displayName": name,
            "members": members,
        });
        let body: Resource = serde_json::from_value(body).unwrap();
        ResourceType::group().validate_new(body, &Policy::strict()).ok()
    }

    async fn create(
        &mut self,
        scope: &Scope,
        ty: &ResourceType,
        body: Option<Valid<Resource>>,
    ) -> String {
        let Some(body) = body else { return "invalid".to_owned() };
        match self.store.insert(scope, ty, body.into()).await {
            Ok(stored) => {
                self.made.push((stored.id().to_owned(), ty.clone()));
                self.show(&stored)
            }
            Err(error) => fault(&error),
        }
    }

    async fn replace(
        &self,
        scope: &Scope,
        target: Option<(String, ResourceType)>,
        load: Load,
        body: Option<Valid<Resource>>,
    ) -> String {
        let (Some((id, ty)), Some(body)) = (target, body) else { return "invalid".to_owned() };
        let change = Box::new(|_: &Stored| Ok(Some(body.clone().into())));
        match self.store.update(scope, &ty, &ResourceId::from(id), load, change).await {
            Ok(updated) => format!("{} {}", updated.changed, self.show(&updated.stored)),
            Err(error) => fault(&error),
        }
    }

    /// Does something, and says what came of it in words that do not depend on the store.
    async fn apply(&mut self, domain: bool, op: &Op) -> String {
        let scope = &scope(&self.tenant, domain);
        let (user, group) = (USER.clone(), ResourceType::group());
        match op {
            Op::CreateUser(body) => {
                let body = self.user(body);
                self.create(scope, &user, body).await
            }
            Op::CreateGroup(name, members) => {
                let body = self.group(name, members);
                self.create(scope, &group, body).await
            }
            Op::ReplaceUser(index, body, load) => {
                let target = self.target(index, Some(&user));
                self.replace(scope, target, *load, self.user(body)).await
            }
            Op::ReplaceGroup(index, name, members, load) => {
                let target = self.target(index, Some(&group));
                self.replace(scope, target, *load, self.group(name, members)).await
            }
            Op::ChangeMembers(index, add, remove) => {
                let Some((id, ty)) = self.target(index, Some(&group)) else {
                    return "nothing".to_owned();
                };
                let mut delta = MemberDelta::default();
                for id in add.iter().map(|reference| self.id(reference)) {
                    // No member is in both lists, and none is in one of them twice.
                    if delta.add.iter().all(|member| member.value.as_str() != id) {
                        delta.add.push(Member::new(id));
                    }
                }
                for id in remove.iter().map(|reference| ResourceId::from(self.id(reference))) {
                    let named = delta.add.iter().any(|member| member.value == id);
                    if !named && !delta.remove.contains(&id) {
                        delta.remove.push(id);
                    }
                }
                let id = ResourceId::from(id);
                match self.store.change_members(scope, &ty, &id, None, &delta, None).await {
                    Ok(updated) => format!("{} {}", updated.changed, self.show(&updated.stored)),
                    Err(error) => fault(&error),
                }
            }
            Op::Delete(index) => {
                let Some((id, ty)) = self.target(index, None) else {
                    return "nothing".to_owned();
                };
                let id = ResourceId::from(id);
                match self
                    .store
                    .delete(scope, &ty, &id, Load::Full, Dangling::Cleared, if_match(None))
                    .await
                {
                    Ok(()) => "gone".to_owned(),
                    Err(error) => fault(&error),
                }
            }
        }
    }

    fn filter(&self, term: &Term) -> String {
        let join = |terms: &[Term], word: &str| {
            let terms: Vec<_> =
                terms.iter().map(|term| format!("({})", self.filter(term))).collect();
            terms.join(word)
        };
        match term {
            Term::Present(attr) => format!("{attr} pr"),
            Term::Compare(attr, op, Literal::Json(value)) => format!("{attr} {op} {value}"),
            Term::Compare(attr, op, Literal::Bool(flag)) => format!("{attr} {op} {flag}"),
            Term::Compare(attr, op, Literal::Text(text)) => {
                let text = if text.starts_with("W/") {
                    format!("\"{text}\"")
                } else {
                    Value::from(*text).to_string()
                };
                format!("{attr} {op} {text}")
            }
            Term::Compare(attr, op, Literal::Id(id)) => {
                format!("{attr} {op} {}", Value::from(self.id(id)))
            }
            Term::Within(attr, term) => format!("{attr}[{}]", self.filter(term)),
            Term::And(terms) => join(terms, " and "),
            Term::Or(terms) => join(terms, " or "),
            Term::Not(term) => format!("not ({})", self.filter(term)),
        }
    }

    /// Asks by index, and by cursor to the end if that is wanted, and shows the answers.
    async fn ask(&self, asked: &Asked) -> Vec<String> {
        let ty = if asked.group { ResourceType::group() } else { USER.clone() };
        let scope = scope(&self.tenant, asked.domain);
        let mut query = Query::page(Page::first(0)).with_load(asked.load);
        if let Some(term) = &asked.filter {
            let filter: Filter = self.filter(term).parse().unwrap();
            match ty.bind(&filter, &Policy::strict()) {
                Ok(filter) => query = query.with_filter(filter),
                Err(error) => return vec![format!("{:?}", error.scim_type())],
            }
        }
        if let Some((path, order)) = asked.sort {
            let path = path.parse().unwrap();
            query = query.with_sort(ty.bind_sort(&path, order, &Policy::strict()).unwrap());
        }
        query.page = Page::Index { start_index: asked.start, count: asked.count };
        let page = self.store.query(&scope, &ty, &query).await.unwrap();
        let mut answers = vec![format!("{TOTAL}{:?}", page.total)];
        answers.extend(page.resources.iter().map(|stored| self.show(stored)));
        if !asked.walk {
            return answers;
        }
        answers.push("by cursor".to_owned());
        let mut after = None;
        loop {
            query.page = Page::Cursor { after, count: asked.count.max(1) };
            let page = self.store.query(&scope, &ty, &query).await.unwrap();
            assert!(page.resources.len() as u64 <= asked.count.max(1));
            answers.extend(page.resources.iter().map(|stored| self.show(stored)));
            match page.next {
                Some(next) => after = Some(next),
                None => return answers,
            }
        }
    }

    /// A resource in words that do not depend on the store.
    fn show(&self, stored: &Stored) -> String {
        let mut document = Value::from(stored.resource.clone());
        self.rename(&mut document);
        for list in ["members", "groups"] {
            if let Some(Value::Array(elements)) = document.get_mut(list) {
                elements.sort_by_key(ToString::to_string);
            }
        }
        let times = (stored.created.timestamp_millis(), stored.last_modified.timestamp_millis());
        format!("{document} {} {times:?}", stored.version)
    }

    fn rename(&self, value: &mut Value) {
        match value {
            Value::String(text) => {
                if let Some(at) = self.made.iter().position(|(id, _)| id == text) {
                    *text = format!("#{at}");
                } else if text == "K" || text == "\u{212a}" {
                    // One identifier under the attribute's rules; each store keeps one spelling.
                    *text = "K".to_owned();
                } else if text == "\u{e9}" || text == "e\u{301}" {
                    *text = "\u{e9}".to_owned();
                }
            }
            Value::Array(elements) => elements.iter_mut().for_each(|value| self.rename(value)),
            Value::Object(members) => members.values_mut().for_each(|value| self.rename(value)),
            _ => {}
        }
    }
}

fn fault(error: &StoreError) -> String {
    match error {
        StoreError::NotFound => "not found".to_owned(),
        StoreError::Uniqueness { attribute } => format!("{attribute} is taken"),
        other => panic!("{other:?}"),
    }
}

static CASES: AtomicU64 = AtomicU64::new(0);

/// Goes by the clock of the case that is being tried.
#[derive(Debug, Default)]
struct SharedClock(Mutex<Option<Arc<ManualClock>>>);

impl SharedClock {
    fn follow(&self, clock: &Arc<ManualClock>) {
        *self.0.lock().unwrap() = Some(Arc::clone(clock));
    }
}

impl Clock for SharedClock {
    fn now(&self) -> DateTime<Utc> {
        self.0.lock().unwrap().as_ref().unwrap().now()
    }
}

/// One store for all cases, each of which is a tenant.
static RUNTIME: LazyLock<Runtime> = LazyLock::new(database::runtime);
static POSTGRES: LazyLock<Option<(PostgresStore, Arc<SharedClock>)>> = LazyLock::new(|| {
    let clock = Arc::new(SharedClock::default());
    let builder = PostgresStore::builder().clock(clock.clone()).secrets(Secrets::Drop);
    let store = RUNTIME.block_on(database::store("differential tests", builder))?;
    Some((store, clock))
});

fn scope(name: &str, domain: bool) -> Scope {
    let scope = tenant(name);
    if domain { scope.with_domain(ProvisioningDomain::new("entra").unwrap()) } else { scope }
}

/// Fewer cases than usual, for each makes a file; `PROPTEST_CASES` asks for more.
fn config() -> ProptestConfig {
    let cases = database::number("PROPTEST_CASES").unwrap_or(48);
    let mut config = ProptestConfig { cases, max_shrink_iters: 400, ..ProptestConfig::default() };
    config.source_file = Some(file!());
    config
}

/// How many questions one set of resources is asked at most, unless `SCIM2_QUESTIONS` says
/// otherwise.
const QUESTIONS: usize = 24;
/// How many questions PostgreSQL is asked at once.
const AT_ONCE: usize = 8;

/// How an answer begins.
const TOTAL: &str = "total ";

/// What was compared.
#[derive(Debug, Default)]
struct Tally {
    sets: AtomicU64,
    changes: AtomicU64,
    /// Questions with a filter, without one, and with one that the schema refuses.
    filters: AtomicU64,
    lists: AtomicU64,
    refused: AtomicU64,
}

fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

#[test]
fn sec_10_all_stores_give_the_same_answers() {
    let most = database::number("SCIM2_QUESTIONS").unwrap_or(QUESTIONS);
    let strategy = (vec((op(), any::<bool>()), 1..30), vec(asked(), 1..=most));
    let tally = Tally::default();
    let mut runner = TestRunner::new(config());
    let result = runner.run(&strategy, |(ops, questions)| compare(&ops, &questions, &tally));
    let stores = if POSTGRES.is_some() { "memory, SQLite, PostgreSQL" } else { "memory, SQLite" };
    eprintln!("compared {stores}: {tally:?}");
    if let Err(error) = result {
        panic!("{error}\n{runner}");
    }
    if let Some((postgres, _)) = &*POSTGRES {
        let integrity = RUNTIME.block_on(postgres.check(&catalog())).unwrap();
        assert!(integrity.is_sound(), "{integrity}");
    }
}

/// Does all of it to each store, then asks all of them.
fn compare(ops: &[(Op, bool)], questions: &[Asked], tally: &Tally) -> Result<(), TestCaseError> {
    let directory = tempfile::tempdir().unwrap();
    let clock = ManualClock::new();
    let sqlite = SqliteStore::builder()
        .clock(clock.clone())
        .secrets(Secrets::Drop)
        .durability(Durability::Process)
        .readers(1)
        .open(directory.path().join("scim.db"))
        .unwrap();
    let mut sqlite = Side { store: sqlite, tenant: "acme".to_owned(), made: Vec::new() };
    let memory = MemoryStore::with_clock(Arc::clone(&clock) as Arc<_>);
    let mut memory = Side { store: memory, tenant: "acme".to_owned(), made: Vec::new() };
    let mut postgres = POSTGRES.as_ref().map(|(store, shared)| {
        shared.follow(&clock);
        let tenant = format!("case-{}", CASES.fetch_add(1, Ordering::Relaxed));
        Side { store: store.clone(), tenant, made: Vec::new() }
    });
    count(&tally.sets);
    RUNTIME.block_on(async {
        for (op, domain) in ops {
            // The memory store's identifiers are in order only from one millisecond to the next.
            clock.advance(1);
            let expected = memory.apply(*domain, op).await;
            prop_assert_eq!(sqlite.apply(*domain, op).await, &*expected, "{:?}", op);
            if let Some(postgres) = &mut postgres {
                prop_assert_eq!(postgres.apply(*domain, op).await, expected, "{:?}", op);
            }
            count(&tally.changes);
        }
        for asked in questions.chunks(AT_ONCE) {
            let filter = |asked: &Asked| asked.filter.as_ref().map(|term| sqlite.filter(term));
            let mut expected = Vec::new();
            for asked in asked {
                let answer = memory.ask(asked).await;
                prop_assert_eq!(&sqlite.ask(asked).await, &answer, "{:?}", filter(asked));
                count(match (&asked.filter, answer.first()) {
                    (None, _) => &tally.lists,
                    (Some(_), Some(first)) if first.starts_with(TOTAL) => &tally.filters,
                    (Some(_), _) => &tally.refused,
                });
                expected.push(answer);
            }
            let Some(postgres) = &postgres else { continue };
            let answers = join_all(asked.iter().map(|asked| postgres.ask(asked))).await;
            for ((answer, expected), asked) in answers.iter().zip(&expected).zip(asked) {
                prop_assert_eq!(answer, expected, "{:?}", filter(asked));
            }
        }
        let integrity = sqlite.store.check(&catalog()).await.unwrap();
        prop_assert!(integrity.is_sound(), "{}", integrity);
        Ok(())
    })
}

#[test]
fn every_typed_value_is_one_that_a_user_may_have() {
    for (name, _, values) in TYPED {
        for value in values {
            let value: Value = serde_json::from_str(value).unwrap();
            let body = json!({
                "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User", EXTRA],
                "userName": "a",
                EXTRA: {name: value},
            });
            let body: Resource = serde_json::from_value(body).unwrap();
            USER.validate_new(body, &Policy::strict()).unwrap();
        }
    }
}
