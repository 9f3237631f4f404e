//! Resources, filters that meet them, and PATCH, beside the published peers that do the same.
//!
//! Whether the project's marks hold is the business of `marks.rs`.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use scim2_benches::core::{
    FULL_USER, THREE_TERMS, VALUE_PATH, bound, change_members, full_user, full_user_json, group,
    replace_title,
};
use scim2_core::diff::diff;
use scim2_core::project::parse_list;
use scim2_core::{Policy, ResourceType, User};
use serde_json::Value;

fn reading(criterion: &mut Criterion) {
    let (user, policy) = (ResourceType::user(), Policy::strict());
    let mut group = criterion.benchmark_group("read/rfc_full_user");
    group.throughput(Throughput::Bytes(FULL_USER.len() as u64));
    group.bench_function("ingest", |bencher| {
        bencher.iter(|| user.ingest(black_box(FULL_USER), &policy));
    });
    group.bench_function("serde_json", |bencher| {
        bencher.iter(|| serde_json::from_slice::<Value>(black_box(FULL_USER)));
    });
    group.bench_function("typed", |bencher| {
        bencher.iter(|| serde_json::from_slice::<User>(black_box(FULL_USER)));
    });
    group.bench_function("typed/scim_v2", |bencher| {
        bencher
            .iter(|| serde_json::from_slice::<scim_v2::models::user::User>(black_box(FULL_USER)));
    });
    group.finish();
    let mut group = criterion.benchmark_group("write/rfc_full_user");
    let (document, typed) =
        (full_user(), serde_json::from_slice::<User>(FULL_USER).expect("a user"));
    group.bench_function("document", |bencher| bencher.iter(|| black_box(&document).to_bytes()));
    group.bench_function("typed", |bencher| {
        bencher.iter(|| serde_json::to_vec(black_box(&typed)));
    });
    group.finish();
}

fn filters(criterion: &mut Criterion) {
    let (document, json) = (full_user(), full_user_json());
    for (size, text) in [("three_terms", THREE_TERMS), ("value_path", VALUE_PATH)] {
        let mut group = criterion.benchmark_group(format!("filter_matches/{size}"));
        let filter = bound(text);
        assert!(filter.matches(&document), "{text}");
        group.bench_function("scim2", |bencher| {
            bencher.iter(|| filter.matches(black_box(&document)));
        });
        if let Ok(("", filter)) = scim_filter::parser::filter(text)
            && filter.r#match(&json).is_ok()
        {
            group.bench_function("scim-filter", |bencher| {
                bencher.iter(|| filter.r#match(black_box(&json)));
            });
        }
        if let Ok(filter) = scim_kit::filter::parse_filter(text) {
            group.bench_function("scim-kit", |bencher| {
                bencher.iter(|| filter.matches(black_box(&json)));
            });
        }
        group.finish();
    }
    let (user, policy) = (ResourceType::user(), Policy::strict());
    let filter = THREE_TERMS.parse().expect("a filter");
    criterion.bench_function("filter_bind/three_terms", |bencher| {
        bencher.iter(|| user.bind(black_box(&filter), &policy));
    });
}

fn patches(criterion: &mut Criterion) {
    let (user, policy) = (ResourceType::user(), Policy::strict());
    let (document, op) = (full_user(), replace_title());
    let mut benches = criterion.benchmark_group("patch/replace_one");
    benches.bench_function("clone", |bencher| bencher.iter(|| black_box(&document).clone()));
    benches.bench_function("patched", |bencher| {
        bencher.iter(|| user.patched(black_box(&document), &op, &policy));
    });
    benches.finish();
    let mut after = document.clone();
    user.patch(&mut after, &op, &policy).expect("title can be replaced");
    criterion.bench_function("diff/one_attribute", |bencher| {
        bencher.iter(|| diff(&user, black_box(&document), &after));
    });
    let (of_groups, op) = (ResourceType::group(), change_members());
    let mut benches = criterion.benchmark_group("patch_members");
    benches.bench_function("delta", |bencher| {
        bencher.iter(|| of_groups.member_delta(black_box(&op), &policy));
    });
    for size in [10, 1_000, 100_000] {
        let before = group(size);
        benches.bench_with_input(BenchmarkId::new("document", size), &before, |bencher, before| {
            bencher.iter(|| of_groups.patched(black_box(before), &op, &policy));
        });
    }
    benches.finish();
}

fn others(criterion: &mut Criterion) {
    let (user, policy) = (ResourceType::user(), Policy::strict());
    let document = full_user();
    criterion.bench_function("validate_new/rfc_full_user", |bencher| {
        bencher.iter(|| user.validate_new(black_box(&document).clone(), &policy));
    });
    let names = parse_list("userName,emails.value").expect("names");
    let projection = user.projection(&names, &[], &policy).expect("a projection");
    criterion.bench_function("project/two_names", |bencher| {
        bencher.iter(|| projection.apply(&user, black_box(&document).clone(), None));
    });
}

criterion_group!(benches, reading, filters, patches, others);
criterion_main!(benches);
