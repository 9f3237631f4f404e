//! Parsing filters and paths, beside the published peers.
//!
//! A peer takes part in a bench when it accepts the text. Names are `what/size/who`.

use std::{hint::black_box, str::FromStr};

use criterion::{Criterion, Throughput, criterion_group};
use scim2_syntax::{Filter, PatchPath, SyntaxPolicy};

const SHORT: &str = r#"userName eq "bjensen""#;

const MEDIUM: &str =
    r#"userType eq "Employee" and (emails co "example.com" or emails.value co "example.org")"#;

/// No brackets and no schema URIs, so that every peer accepts it.
const LONG: &str = concat!(
    r#"userType eq "Employee" and (userName sw "bjensen" or userName sw "jsmith" or displayName co "Babs") "#,
    r#"and not (active eq false or title eq "Contractor") and name.familyName co "Jensen" "#,
    r#"and meta.lastModified gt "2011-05-13T04:42:34Z" and emails.value ew "@example.com" and "#,
    r#"nickName pr and preferredLanguage eq "en-US" and locale pr"#,
);

const URN: &str = concat!(
    r#"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department eq "Tour Operations" and "#,
    r#"emails[type eq "work" and value co "@example.com"] and (title pr or userType ne "Intern") and "#,
    r#"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.value eq "26118915" and "#,
    r#"not (addresses[country eq "US" or primary eq true])"#,
);

const PATH: &str = r#"emails[type eq "work" and value co "@example.com"].display"#;

/// One filter by us and by every peer that takes it.
fn filter(criterion: &mut Criterion, size: &str, text: &str) {
    let mut group = criterion.benchmark_group(format!("filter_parse/{size}"));
    group.throughput(Throughput::Bytes(text.len() as u64));
    let policy = SyntaxPolicy::strict().without_limits();
    assert!(Filter::parse_with(text, &policy).is_ok(), "{text}");
    group.bench_function("scim2", |bencher| {
        bencher.iter(|| Filter::parse_with(black_box(text), &policy));
    });
    if scim_v2::filter::Filter::from_str(text).is_ok() {
        group.bench_function("scim_v2", |bencher| {
            bencher.iter(|| scim_v2::filter::Filter::from_str(black_box(text)));
        });
    }
    if scim_proto::filter::ScimFilter::from_str(text).is_ok() {
        group.bench_function("scim_proto", |bencher| {
            bencher.iter(|| scim_proto::filter::ScimFilter::from_str(black_box(text)));
        });
    }
    if matches!(scim_filter::parser::filter(text), Ok(("", _))) {
        group.bench_function("scim-filter", |bencher| {
            bencher.iter(|| scim_filter::parser::filter(black_box(text)));
        });
    }
    if scim_kit::filter::parse_filter(text).is_ok() {
        group.bench_function("scim-kit", |bencher| {
            bencher.iter(|| scim_kit::filter::parse_filter(black_box(text)));
        });
    }
    group.finish();
}

fn filters(criterion: &mut Criterion) {
    filter(criterion, "short", SHORT);
    filter(criterion, "medium", MEDIUM);
    filter(criterion, "long", LONG);
    filter(criterion, "urn", URN);
    filter(criterion, "chain", &vec![SHORT; 10_000].join(" or "));
}

fn paths(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("patch_path_parse/value_path");
    group.throughput(Throughput::Bytes(PATH.len() as u64));
    group.bench_function("scim2", |bencher| {
        bencher.iter(|| PatchPath::from_str(black_box(PATH)));
    });
    if scim_v2::filter::PatchPath::from_str(PATH).is_ok() {
        group.bench_function("scim_v2", |bencher| {
            bencher.iter(|| scim_v2::filter::PatchPath::from_str(black_box(PATH)));
        });
    }
    group.finish();
}

/// What else is done with a filter: by us only, to see it does not rot.
fn others(criterion: &mut Criterion) {
    let filter: Filter = URN.parse().expect("a filter");
    criterion.bench_function("filter_print/urn", |bencher| {
        bencher.iter(|| black_box(&filter).to_string());
    });
    criterion.bench_function("filter_clone/urn", |bencher| {
        bencher.iter(|| black_box(&filter).clone());
    });
    let hostile = "(".repeat(1 << 20);
    let policy = SyntaxPolicy::strict().without_limits();
    criterion.bench_function("filter_refuse/mebibyte", |bencher| {
        bencher.iter(|| Filter::parse_with(black_box(&hostile), &policy));
    });
}

criterion_group!(benches, filters, paths, others);

/// Some peers recurse over the 10,000 terms of the chain, which overflows the usual stack of 8 MiB.
const STACK: usize = 1 << 30;

fn main() {
    let run = || {
        benches();
        Criterion::default().configure_from_args().final_summary();
    };
    let thread = std::thread::Builder::new().stack_size(STACK).spawn(run);
    thread.expect("a thread").join().expect("the benches run");
}
