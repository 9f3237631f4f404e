//! Security requirements that take a generator or a matrix.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use http::Request;
use http::request::Parts;
use proptest::prelude::*;
use scim2_core::catalog::common_attribute;
use scim2_core::key::comparison_key;
use scim2_core::schema::{Attribute, Mutability};
use scim2_provider::auth::{
    Action, AuthError, BearerToken, BearerTokens, Principal, TOKEN_PREFIX, generate_token,
};
use scim2_provider::{
    Authenticator, Discovery, MemoryStore, ProviderConfig, Scope, ServiceProvider, TenantId,
};
use serde_json::{Value, json};

use crate::support::*;

fn external_id() -> impl Strategy<Value = String> {
    prop_oneof!["[0-9]{1,3}", "\\PC{1,20}", "\\.\\./Users/[a-z]{3}", "%2[fF][a-z]{2}"]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn sec_02_no_external_id_changes_what_an_id_names(external_id in external_id(), of_victim in any::<bool>()) {
        let server = server();
        let victim = server.user("victim");
        let victim_path = format!("/Users/{victim}");
        let before = server.get(&victim_path).body;
        let external_id = if of_victim { victim.clone() } else { external_id };
        let mut body = user("attacker");
        body["externalId"] = external_id.as_str().into();
        let attacker = server.post("/Users", body).is(201).id().to_owned();
        prop_assert_ne!(&attacker, &victim);
        prop_assert_eq!(&server.get(&victim_path).body, &before);
        let title = json!([{"op": "add", "path": "title", "value": "mine"}]);
        let attacker_path = format!("/Users/{attacker}");
        server.patch(&attacker_path, title).is(200);
        server.put(&attacker_path, user("attacker")).is(200);
        if !of_victim {
            let segment = percent_encoding::utf8_percent_encode(&external_id, percent_encoding::NON_ALPHANUMERIC);
            let path = format!("/Users/{segment}");
            for method in ["GET", "DELETE"] {
                prop_assert_eq!(server.call(method, &path, &[], b"").status, 404);
            }
        }
        server.delete(&attacker_path).is(204);
        prop_assert_eq!(&server.get(&victim_path).body, &before);
    }
}

/// Fixed tokens, and how often something was about to be done.
struct Counted {
    tokens: Arc<BearerTokens>,
    reached: Arc<AtomicUsize>,
}

impl Authenticator for Counted {
    async fn authenticate(&self, parts: &Parts) -> Result<Principal, AuthError> {
        self.tokens.authenticate(parts).await
    }

    fn authorize(&self, _: &Principal, _: &Action<'_>) -> bool {
        self.reached.fetch_add(1, Ordering::Relaxed);
        true
    }
}

/// Spellings of a path that some router somewhere takes for the same.
fn spellings(path: &str) -> Vec<String> {
    let first = path.as_bytes().get(1).copied().unwrap_or(b'x');
    let rest = path.get(2..).unwrap_or_default();
    vec![
        path.to_owned(),
        format!("{path}/"),
        format!("/{path}"),
        format!("{path}//"),
        format!("/%{first:02x}{rest}"),
        format!("/%{first:02X}{rest}"),
        format!("/%25{first:02x}{rest}"),
        path.replacen('/', "/%2F", 1),
        path.replacen('/', "/./", 1),
        path.replacen('/', "/x/../", 1),
        path.replacen('/', "/Schemas/../", 1),
        path.replacen('/', "/ServiceProviderConfig/..%2F", 1),
        format!("{path};x=1"),
        format!("{path}%3B"),
        format!("{path}%00"),
        format!("{path}%20"),
        format!("{path}.json"),
        path.to_uppercase(),
        path.to_lowercase(),
        format!("/scim/v2{path}"),
    ]
}

#[test]
fn sec_03_every_route_asks_every_token_in_every_spelling() {
    let clock = clock();
    let now = scim2_provider::Clock::now(&*clock);
    let scope = || Scope::tenant(TenantId::new("a").unwrap());
    let token = |secret: &str| BearerToken::new(secret, &secret.into(), scope()).unwrap();
    let expired = token("expired").expires(now);
    let tokens = BearerTokens::new([expired.clone(), token("revoked"), token(TOKEN)]);
    let tokens = Arc::new(tokens.with_clock(clock.clone()));
    let reached = Arc::new(AtomicUsize::new(0));
    let mut config = ProviderConfig::default();
    config.discovery = Discovery::Authenticated;
    let provider = ServiceProvider::builder(MemoryStore::with_clock(clock))
        .base_url(url::Url::parse(BASE).unwrap())
        .authenticator(Counted { tokens: tokens.clone(), reached: reached.clone() })
        .config(config)
        .build()
        .unwrap();
    let send = |method: &str, path: &str, authorization: Option<&str>| {
        let mut request = Request::builder().method(method).uri(path);
        if let Some(authorization) = authorization {
            request = request.header("authorization", authorization);
        }
        let body = Bytes::from(user("intruder").to_string());
        request.body(body).ok().map(|request| block_on(provider.handle(request)).status().as_u16())
    };
    assert_eq!(send("GET", "/Users", Some("Bearer revoked")), Some(200));
    assert_eq!(reached.swap(0, Ordering::Relaxed), 1, "the counter counts");
    tokens.set([expired, token(TOKEN)]);

    let schema = format!("/Schemas/{USER}");
    let routes = [
        "/Users",
        "/Users/1",
        "/Users/.search",
        "/Groups",
        "/Groups/1",
        "/Me",
        "/Bulk",
        "/.search",
        "/ServiceProviderConfig",
        "/ResourceTypes",
        "/ResourceTypes/User",
        "/Schemas",
        &schema,
    ];
    let states = [
        None,
        Some(""),
        Some("Bearer"),
        Some("Bearer "),
        Some("Bearer wrong"),
        Some("Bearer expired"),
        Some("Bearer revoked"),
        Some("Basic dXNlcjpwYXNz"),
    ];
    let mut asked = 0;
    for path in routes.iter().flat_map(|route| spellings(route)) {
        for authorization in states {
            for method in ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"] {
                let Some(status) = send(method, &path, authorization) else { continue };
                assert!(matches!(status, 401 | 404), "{method} {path} {authorization:?}: {status}");
                asked += 1;
            }
        }
    }
    assert!(asked > 10_000, "{asked}");
    assert_eq!(reached.load(Ordering::Relaxed), 0, "nothing was about to be done");
    assert_eq!(send("GET", "/Users", Some(&format!("Bearer {TOKEN}"))), Some(200));
}

#[test]
fn sec_05_the_bytes_of_tokens_are_evenly_spread() {
    let mut counts = [0_u32; 256];
    let tokens = 4096;
    for _ in 0..tokens {
        let token = generate_token().unwrap();
        let random = token.expose().strip_prefix(TOKEN_PREFIX).unwrap();
        for byte in URL_SAFE_NO_PAD.decode(random).unwrap() {
            counts[usize::from(byte)] += 1;
        }
    }
    let expected = f64::from(tokens * 32) / 256.0;
    let chi_square: f64 =
        counts.iter().map(|count| (f64::from(*count) - expected).powi(2) / expected).sum();
    // 255 degrees of freedom: mean 255, deviation 22.6. Eight deviations never happen by chance; a
    // biased choice of characters, such as a remainder by 65, is in the thousands.
    assert!((75.0..436.0).contains(&chi_square), "{chi_square}");
}

#[test]
fn sec_11_of_many_equal_replacements_one_wins() {
    let server = server();
    let ids: Vec<_> = (0..64).map(|i| server.user(&format!("u{i}"))).collect();
    let outcomes: Vec<u16> = std::thread::scope(|scope| {
        let server = &server;
        let threads: Vec<_> = ids
            .iter()
            .enumerate()
            .map(|(i, id)| {
                let name = if i % 2 == 0 { "One" } else { "oNE" };
                scope.spawn(move || server.put(&format!("/Users/{id}"), user(name)).status.as_u16())
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(outcomes.iter().filter(|status| **status == 200).count(), 1);
    assert_eq!(outcomes.iter().filter(|status| **status == 409).count(), 63);
    assert_eq!(server.filter("/Users", "userName eq \"one\"").ids().len(), 1);
}

#[test]
fn sec_12_names_are_the_same_when_their_keys_are() {
    let names = [
        "I", "i", "İ", "ı", "i\u{307}", "ss", "SS", "ß", "ẞ", "s", "S", "ſ", "k", "K", "\u{212A}",
        "fi", "ﬁ", "FI", "σ", "ς", "Σ", "é", "e\u{301}", "É", "E\u{301}", "e",
    ];
    for a in names {
        let server = server();
        let key = comparison_key(false, a);
        assert_eq!(comparison_key(false, &key), key, "{a}: a key is its own key");
        server.user(a);
        for b in names {
            let same = key == comparison_key(false, b);
            let status = server.post("/Users", user(b)).status.as_u16();
            assert_eq!(status == 409, same, "{a} and {b}: {status}");
            if status == 201 {
                let id =
                    server.filter("/Users", &format!("userName eq \"{b}\"")).ids()[0].to_owned();
                server.delete(&format!("/Users/{id}")).is(204);
            }
        }
    }
    for (a, b, same) in [
        ("ß", "SS", true),
        ("ẞ", "ß", true),
        ("ſ", "S", true),
        ("\u{212A}", "k", true),
        ("ﬁ", "fi", true),
        ("ς", "Σ", true),
        ("é", "E\u{301}", true),
        // The dotless one is a letter of its own, and no fold makes it the other.
        ("ı", "i", false),
        ("ı", "I", false),
        ("İ", "i", false),
        ("é", "e", false),
    ] {
        assert_eq!(comparison_key(false, a) == comparison_key(false, b), same, "{a} {b}");
    }
}

#[test]
fn sec_12_a_user_name_has_no_invisible_characters() {
    let server = server();
    let path = format!("/Users/{}", server.user("kept"));
    for hidden in [
        '\u{0}', '\n', '\u{7F}', '\u{85}', '\u{200B}', '\u{200F}', '\u{202E}', '\u{2066}',
        '\u{FEFF}',
    ] {
        let name = format!("ad{hidden}min");
        server.post("/Users", user(&name)).fails(400, "invalidValue").naming("userName");
        server.put(&path, user(&name)).fails(400, "invalidValue").naming("userName");
        for operation in [
            json!({"op": "replace", "path": "userName", "value": name}),
            json!({"op": "add", "value": {"userName": name}}),
        ] {
            server.patch(&path, json!([operation])).fails(400, "invalidValue");
        }
    }
    assert_eq!(server.get(&path).body["userName"], "kept");
    assert_eq!(server.total("/Users"), 1);
    // Letters of any script, spaces and joiners are names.
    for name in ["Åsa Öberg", "محمد", "山田太郎", "क्\u{200D}ष", "a@b+c"] {
        server.user(name);
    }
}

/// The paths of everything in a resource type that only the service provider writes.
fn read_only_paths(server: &Server, type_name: &str) -> Vec<(Option<String>, String, Value)> {
    fn value(attribute: &Attribute) -> Value {
        use scim2_core::schema::AttributeType as T;
        let single = match attribute.attribute_type {
            T::Boolean => json!(true),
            T::Integer | T::Decimal => json!(7),
            T::DateTime => json!("1999-01-01T00:00:00Z"),
            T::Complex => attribute
                .sub_attributes
                .iter()
                .filter(|sub| sub.attribute_type != T::Complex)
                .map(|sub| (sub.name.as_str().to_owned(), value(sub)))
                .collect::<serde_json::Map<_, _>>()
                .into(),
            _ => json!("urn:example:forged"),
        };
        if attribute.multi_valued { json!([single]) } else { single }
    }
    let catalog = server.provider.catalog();
    let ty = catalog.by_name(type_name).unwrap();
    let common = ["id", "meta"].into_iter().filter_map(common_attribute);
    let base = common.map(|attribute| (None, attribute));
    let own = ty.schema().attributes.iter().map(|attribute| (None, attribute));
    let extended = ty.extensions().iter().flat_map(|extension| {
        let uri = extension.schema.id.to_string();
        extension.schema.attributes.iter().map(move |attribute| (Some(uri.clone()), attribute))
    });
    let mut found = Vec::new();
    for (extension, attribute) in base.chain(own).chain(extended) {
        let name = attribute.name.as_str();
        let all = attribute.mutability == Mutability::ReadOnly;
        if all {
            found.push((extension.clone(), name.to_owned(), value(attribute)));
        }
        for sub in &attribute.sub_attributes {
            if all || sub.mutability == Mutability::ReadOnly {
                found.push((extension.clone(), format!("{name}.{}", sub.name), value(sub)));
            }
        }
    }
    found
}

fn mixed(text: &str) -> String {
    let flip = |(i, c): (usize, char)| {
        if i % 2 == 0 { c.to_ascii_uppercase() } else { c.to_ascii_lowercase() }
    };
    text.chars().enumerate().map(flip).collect()
}

#[test]
fn sec_13_nothing_read_only_changes_in_any_spelling_of_any_operation() {
    let server = server();
    let boss = server.user("boss");
    let body = json!({"schemas": [USER, ENTERPRISE], "userName": "a",
        ENTERPRISE: {"manager": {"value": boss}}});
    let user = server.post("/Users", body.clone()).is(201).id().to_owned();
    server.group("g", &[&user]);
    let path = format!("/Users/{user}");
    let before = server.get(&path).is(200).body;
    let state = |body: &Value| {
        let mut body = body.clone();
        let meta = body["meta"].as_object_mut().unwrap();
        meta.remove("version");
        meta.remove("lastModified");
        body
    };
    let paths = read_only_paths(&server, "User");
    assert!(paths.len() >= 12, "{paths:?}");
    for (extension, name, value) in paths {
        let qualified = match &extension {
            Some(uri) => format!("{uri}:{name}"),
            None => name.clone(),
        };
        let mut spellings = vec![
            qualified.clone(),
            qualified.to_uppercase(),
            qualified.to_lowercase(),
            mixed(&qualified),
        ];
        if extension.is_none() {
            spellings.extend([format!("{USER}:{name}"), mixed(&format!("{USER}:{name}"))]);
        }
        for spelling in &spellings {
            let mut nested = json!({});
            match (&extension, name.split_once('.')) {
                (Some(uri), Some((parent, sub))) => nested[uri] = json!({parent: {sub: value}}),
                (Some(uri), None) => nested[uri] = json!({name.as_str(): value}),
                (None, Some((parent, sub))) => nested[parent] = json!({sub: value}),
                (None, None) => nested[name.as_str()] = value.clone(),
            }
            for op in ["add", "replace", "remove", "Add", "REPLACE"] {
                for operation in [
                    json!({"op": op, "path": spelling, "value": value}),
                    json!({"op": op, "path": spelling}),
                    json!({"op": op, "value": {spelling.as_str(): value}}),
                    json!({"op": op, "value": nested}),
                ] {
                    let reply = server.patch(&path, json!([operation]));
                    assert!(matches!(reply.status.as_u16(), 200 | 400), "{operation}");
                    let after = server.get(&path).is(200).body;
                    assert_eq!(state(&after), state(&before), "{operation}");
                }
            }
            // In a body it is ignored, or refused if it is no name of an attribute.
            let mut whole = body.clone();
            whole[spelling.as_str()] = value.clone();
            let put = server.put(&path, whole).status.as_u16();
            assert!(matches!(put, 200 | 400), "{spelling}: {put}");
            let after = server.get(&path).is(200).body;
            assert_eq!(state(&after), state(&before), "PUT {spelling}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn sec_17_of_250_members_only_the_named_ones_come_and_go(
        requests in prop::collection::vec(
            prop::collection::vec((any::<bool>(), prop::collection::vec(0..260_u16, 1..5)), 1..4), 1..10)
    ) {
        let server = server();
        let names: Vec<String> = (0..250).map(|i| format!("m{i}")).collect();
        let group = server.group("g", &names.iter().map(String::as_str).collect::<Vec<_>>());
        let path = format!("/Groups/{group}");
        let mut expected: std::collections::BTreeSet<u16> = (0..250).collect();
        for request in requests {
            let mut operations = Vec::new();
            for (add, members) in request {
                if add {
                    expected.extend(&members);
                    let value: Vec<_> = members.iter().map(|m| json!({"value": format!("m{m}")})).collect();
                    operations.push(json!({"op": "add", "path": "members", "value": value}));
                } else {
                    for member in members {
                        expected.remove(&member);
                        let path = format!("members[value eq \"m{member}\"]");
                        operations.push(json!({"op": "remove", "path": path}));
                    }
                }
            }
            server.patch(&format!("{path}?attributes=id"), operations.into()).is(200);
        }
        let members: std::collections::BTreeSet<u16> =
            server.members(&group).iter().map(|m| m[1..].parse().unwrap()).collect();
        prop_assert_eq!(members, expected);
    }
}

#[test]
fn sec_25_a_cursor_that_is_tampered_with_is_invalid_in_one_way() {
    let server = server();
    for i in 0..4 {
        server.user(&format!("u{i}"));
    }
    let first = server.get("/Users?count=1&cursor&sortBy=userName").is(200);
    let cursor = first.body["nextCursor"].as_str().unwrap();
    let open =
        |cursor: &str| server.get(&format!("/Users?count=1&sortBy=userName&cursor={cursor}"));
    assert_eq!(open(cursor).is(200).column("userName"), ["u1"]);
    let refused = open("x").fails(400, "invalidCursor").body;
    for i in 0..cursor.len() {
        let mut forged = cursor.as_bytes().to_vec();
        forged[i] = if forged[i] == b'A' { b'B' } else { b'A' };
        let forged = String::from_utf8(forged).unwrap();
        assert_eq!(open(&forged).fails(400, "invalidCursor").body, refused, "at {i}");
        if i > 0 {
            assert_eq!(open(&cursor[..i]).fails(400, "invalidCursor").body, refused, "cut at {i}");
        }
    }
    // Another order, endpoint or tenant is another query.
    server.get(&format!("/Users?count=1&cursor={cursor}")).fails(400, "invalidCursor");
    server.get(&format!("/Groups?count=1&cursor={cursor}")).fails(400, "invalidCursor");
    let authorization = format!("Bearer {TOKEN_B}");
    let b = [("authorization", authorization.as_str())];
    let path = format!("/Users?count=1&sortBy=userName&cursor={cursor}");
    assert_eq!(server.call("GET", &path, &b, b"").fails(400, "invalidCursor").body, refused);
}
