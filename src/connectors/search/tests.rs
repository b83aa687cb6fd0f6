use std::path::Path;

use serde_json::json;

use super::*;

/// What the crate's own interpreter finds.
fn reference(expression: &Expression<'_>, value: &Value) -> Result<Value, String> {
    let mut context = Context::new(expression.as_str(), &DEFAULT_RUNTIME);
    let value = Rcvar::new(variable(value));
    let found = jmespath::interpret(&value, expression.as_ast(), &mut context);
    let found = found.map_err(|error| error.reason.to_string())?;
    Ok(serde_json::to_value(&*found).unwrap())
}

/// The crate's own conversion reads numbers as objects.
fn variable(value: &Value) -> Variable {
    match value {
        Value::Array(items) => Variable::Array(items.iter().map(|item| Rcvar::new(variable(item))).collect()),
        Value::Object(entries) => {
            let entries = entries.iter().map(|(key, value)| (key.clone(), Rcvar::new(variable(value))));
            Variable::Object(entries.collect())
        }
        scalar => Variable::try_from(scalar).unwrap(),
    }
}

/// What is found, which is the same as a value and as text.
fn found(expression: &Expression<'_>, value: &Value) -> Result<Value, String> {
    let found = search(expression, value, MAX_BYTES).map_err(|error| error.to_string())?;
    let copied = found.to_value();
    assert_eq!(serde_json::to_string(&found).unwrap(), copied.to_string(), "{expression} in {value}");
    Ok(copied)
}

/// Asserts that both interpreters find the same, including the order of keys.
fn assert_same(text: &str, value: &Value) {
    let expression = jmespath::compile(text).unwrap();
    let (ours, theirs) = (found(&expression, value), reference(&expression, value));
    assert_eq!(ours, theirs, "{text} in {value}");
    let texts = [ours, theirs].map(|result| result.map(|value| value.to_string()));
    assert_eq!(texts[0], texts[1], "{text} in {value}");
}

fn sample() -> Value {
    json!({
        "z": [{"name": "b", "n": 2, "tags": ["x", "y"]}, {"name": "a", "n": -1.5, "tags": []}, {"name": null}, [], 7],
        "a": {"y": {"k": 1}, "x": {"k": 2}, "w": null},
        "nested": [[1, [2]], [3], 4, null],
        "numbers": [0, -1, 18_446_744_073_709_551_615_u64, -9_223_372_036_854_775_808_i64, 0.1, 1e300],
        "empty": {"list": [], "object": {}, "text": "", "no": false},
        "text": "a\u{e9}\n\"",
    })
}

#[test]
fn every_construct_finds_what_the_crate_finds() {
    for expression in [
        "@",
        "z",
        "missing",
        "a.y.k",
        "z[0]",
        "z[-1]",
        "z[9]",
        "z[-9]",
        "text[0]",
        "text.x",
        "z[].name",
        "z[*].name",
        "z[*].tags[]",
        "z[*].tags[*]",
        "nested[]",
        "nested[][]",
        "nested[*][0]",
        "text[]",
        "a.*",
        "a.*.k",
        "*.k",
        "text.*",
        "values(a)",
        "keys(a)",
        "a.* | [0]",
        "z[:2]",
        "z[::-1].n",
        "z[-2:]",
        "z[5:1:-2]",
        "text[:1]",
        "numbers[1:3]",
        "z[].tags | [0]",
        "z[?name=='a'].n",
        "z[?n > `0`]",
        "z[?name]",
        "z[?!name]",
        "z[?tags[0]=='x' || n < `0`]",
        "z[?type(@)=='object' && name!=null].n",
        "a.y == a.x",
        "a.y != a.x",
        "text == text",
        "n < `1`",
        "{b: z[0].name, a: numbers}",
        "{a: {z: text, b: a}, a2: missing}",
        "z[].{n: n, name: name}",
        "missing.{a: a}",
        "[z[0].name, numbers[2]]",
        "z[*].[name, n]",
        "missing.[a]",
        "{a: text, a: numbers[0]}",
        "empty.list || text",
        "empty.object || text",
        "empty.text || text",
        "empty.no || text",
        "z && text",
        "empty.no && text",
        "!empty.no",
        "!text",
        "`{\"b\": [1], \"a\": 2}`",
        "'raw'",
        "`1` | @",
        "numbers",
        "sum(text)",
        "avg(z)",
        "max(numbers)",
        "sort(numbers)",
        "abs(text)",
        "floor(empty.list)",
        "to_string(numbers[2])",
        "length(z)",
        "length(text)",
        "join(', ', z[*].tags[])",
        "join('', z)",
        "merge({b: text}, a)",
        "merge(a, {y: `1`}).y",
        "sort_by(z[:2], &name)[*].name",
        "max_by(z[:2], &n)",
        "min_by(z[:2], &n)",
        "max_by(z, &name)",
        "sort_by(z, &tags)",
        "sort_by(z[:2], &[n, name][0]).n",
        "sort_by(empty.list, &a)",
        "min_by(empty.list, &a)",
        "[sort(empty.list), max(empty.list), min(empty.list)]",
        "sort([`1`, text])",
        "sort(z)",
        "sort(text)",
        "max(z[:2].name)",
        "min(numbers)",
        "sort_by(text, &a)",
        "contains(numbers, `-1`)",
        "contains(z[*].tags, z[0].tags)",
        "contains(text, `1`)",
        "contains(`1`, `1`)",
        "z == z",
        "z[0] == {name: 'b', n: `2`, tags: ['x', 'y']}",
        "z[0] == {name: 'b', n: `2`, tags: ['y', 'x']}",
        "[z[0], a] == [z[0], a]",
        "nested == empty",
        "text < numbers",
        "map(&name, z)",
        "map(&{k: n, a: name}, z[:3])",
        "map(&k, text)",
        "not_null(missing, text)",
        "to_array(text)",
        "reverse(z)[0]",
        "type(z)",
        "contains(text, 'a')",
        "starts_with(text, 'a')",
        "unknown(z)",
        "length(`1`)",
        "keys(z)",
        "to_number('12')",
        "&name",
        "values(a)[?k].k | [0]",
        "a.{k: *.k}",
        "merge({a: a.y}, {b: a.x}).a.k",
        "z[0].merge({service: name}, n && {n: n} || `{}`)",
        "z[0].tags[::0]",
        "to_string(@)",
        "group_by(z, &name)",
        "z[*].tags | [] | [?@=='x']",
        "reverse(z)[*].tags[]",
    ] {
        match jmespath::compile(expression) {
            Ok(_) => {
                assert_same(expression, &sample());
                assert_same(expression, &json!([sample(), sample()]));
                assert_same(expression, &Value::Null);
            }
            Err(error) => assert!(expression.starts_with("group_by"), "{expression}: {error}"),
        }
    }
}

/// Every `select` of the catalogue, with every example response of its service.
#[test]
fn every_select_of_the_catalogue_finds_what_the_crate_finds() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut compared = 0;
    for module in ["github", "notion", "supabase", "supabase_data"] {
        let manifest = std::fs::read_to_string(root.join(format!("src/catalogue/{module}.toml"))).unwrap();
        let manifest: toml::Table = manifest.parse().unwrap();
        let mut responses = Vec::new();
        for entry in std::fs::read_dir(root.join("tests/fixtures").join(module)).unwrap() {
            let file = entry.unwrap().path();
            if file.extension().is_some_and(|extension| extension == "json") {
                let response: Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
                let shapes =
                    [json!(vec![&response; 20]), json!({ "results": vec![&response; 20] }), response];
                responses.extend(shapes.map(|response| {
                    let nodes = crate::json_meter::measure(response.to_string().as_bytes()).nodes;
                    (response, nodes)
                }));
            }
        }
        for tool in manifest["tools"].as_array().unwrap() {
            let Some(select) = tool.get("select") else { continue };
            let expression = jmespath::compile(select.as_str().unwrap()).unwrap();
            for (response, nodes) in &responses {
                let theirs = reference(&expression, response);
                let ours = search(&expression, response, allowance(*nodes));
                let ours = ours.map(|found| found.to_value()).map_err(|error| error.to_string());
                match theirs {
                    Ok(theirs) => {
                        assert!(ours == Ok(theirs), "{expression} finds something else, or needs too much")
                    }
                    // The crate quotes what does not match; there may be no memory for that.
                    Err(_) => assert!(ours.is_err(), "{expression}"),
                }
                compared += 1;
            }
        }
    }
    assert!(compared > 1000, "{compared}");
}

#[test]
fn what_an_expression_creates_is_bounded() {
    let value = Value::Array(vec![json!({}); 50_000]);
    let keys: Vec<String> = (0..20).map(|n| format!("k{n}: a")).collect();
    let keys = keys.join(", ");
    for expression in [
        format!("[].{{{keys}}}"),
        format!("map(&{{{keys}}}, @)"),
        "[*].[a, b, c, d, e, f, g, h]".to_owned(),
        "[].[@, @, @, @, @] | [].[@, @, @, @, @]".to_owned(),
        "reverse(@)".to_owned(),
    ] {
        let expression = jmespath::compile(&expression).unwrap();
        let error = search(&expression, &value, MAX_BYTES).map(|found| found.length()).unwrap_err();
        assert_eq!(error, SearchError::TooLarge, "{expression}");
    }
    let glue = json!({ "glue": "x".repeat(100_000), "items": vec![""; 1000] });
    let expression = jmespath::compile("join(glue, items)").unwrap();
    assert_eq!(search(&expression, &glue, MAX_BYTES).err(), Some(SearchError::TooLarge));
}

#[test]
fn what_a_function_needs_is_free_again_afterwards() {
    let items: Vec<Value> = (0..1000).map(|n| json!({ "a": "x".repeat(10_000), "n": n })).collect();
    let expression = jmespath::compile("[].{n: n, a: length(a), b: reverse([a, a])[0] == a}").unwrap();
    let value = Value::Array(items);
    assert!(found(&expression, &value) == reference(&expression, &value));
    assert!(search(&expression, &value, 1024 * 1024).is_ok(), "less than the strings together");
}

#[test]
fn a_larger_answer_may_use_more() {
    assert!(allowance(0) > 0 && allowance(1000) > allowance(10) && allowance(u64::MAX) == MAX_BYTES);
}

#[test]
fn numbers_keep_their_digits_in_and_out_of_an_expression() {
    let value: Value = serde_json::from_str(
        r#"{"id": 12345678901234567890123, "price": 0.12345678901234567890123456789, "n": [1.5, -1.50, -2.0], "text": "2.50", "ids": [9007199254740993, 9007199254740992]}"#,
    )
    .unwrap();
    for (expression, expected) in [
        (
            "{id: id, price: price}",
            r#"{"id":12345678901234567890123,"price":0.12345678901234567890123456789}"#,
        ),
        ("reverse([id, price])", "[0.12345678901234567890123456789,12345678901234567890123]"),
        ("n[?@ >= `-1.5`]", "[1.5,-1.50]"),
        ("`1` == `1.0`", "true"),
        ("ids[0] == ids[1]", "false"),
        ("ids[?@ > `9007199254740992`]", "[9007199254740993]"),
        ("ids[?@ >= `9007199254740992.5`]", "[9007199254740993]"),
        ("contains(ids, `9007199254740993`)", "true"),
        ("contains(ids, `9007199254740994`)", "false"),
        ("contains([{a: ids[0]}], {a: `9007199254740993`})", "true"),
        ("[ids[0]] == [ids[1]]", "false"),
        ("{a: ids} == {a: ids}", "true"),
        ("sort(ids)", "[9007199254740992,9007199254740993]"),
        ("[max(ids), min(ids)]", "[9007199254740993,9007199254740992]"),
        ("sort_by(ids[].{n: @}, &n)[].n", "[9007199254740992,9007199254740993]"),
        ("[max_by(ids, &@), min_by(ids, &@)]", "[9007199254740993,9007199254740992]"),
        ("sort_by(n, &(@ < `-1.75` && `0.5` || `0.25`))", "[1.5,-1.50,-2.0]"),
        ("sort_by(n, &(@ > `-1.75` && `0.75` || `0.5`))", "[-2.0,1.5,-1.50]"),
        ("`[1.10, {\"a\": 2.0}]`", r#"[1.10,{"a":2.0}]"#),
        ("to_number(text)", "2.50"),
        ("to_number('12345678901234567890123')", "12345678901234567890123"),
        ("to_number(id)", "12345678901234567890123"),
        ("to_number('x')", "null"),
        ("to_string(price)", r#""0.12345678901234567890123456789""#),
    ] {
        let compiled = jmespath::compile(expression).unwrap();
        assert_eq!(found(&compiled, &value).unwrap().to_string(), expected, "{expression}");
    }
}

#[test]
fn calculations_are_exact() {
    let value: Value = serde_json::from_str(
        r#"{"ids": [9007199254740993, 0], "prices": [0.1, 0.2, -1.50], "n": [1, 2, 2], "far": [1e300, 1e-50], "text": ["1"]}"#,
    )
    .unwrap();
    for (expression, expected) in [
        ("sum(ids)", "9007199254740993"),
        ("sum(prices)", "-1.2"),
        ("sum(prices[:2])", "0.3"),
        ("sum(n)", "5"),
        ("sum(`[]`)", "0"),
        ("avg(`[]`)", "null"),
        ("avg(ids)", "4503599627370496.5"),
        ("avg(n)", "1.6666666666666666666666666666666667"),
        ("avg([prices[2], prices[2], `-0.5`])", "-1.16666666666666666666666666666666667"),
        ("abs(prices[2])", "1.5"),
        ("abs(ids[0])", "9007199254740993"),
        (
            "[floor(`-1.5`), floor(`-1`), floor(`1.5`), floor(`9007199254740993.5`)]",
            "[-2,-1,1,9007199254740993]",
        ),
        ("[ceil(`-1.5`), ceil(`1.000000000000000000001`), ceil(`1e3`), ceil(`-0.2`)]", "[-1,2,1000,0]"),
        ("sum(far) > far[0]", "true"),
    ] {
        let compiled = jmespath::compile(expression).unwrap();
        assert_eq!(found(&compiled, &value).unwrap().to_string(), expected, "{expression}");
    }
    for too_large in ["sum([`1e401`])", "abs(`1e-99999999999999999999`)"] {
        let compiled = jmespath::compile(too_large).unwrap();
        assert_eq!(search(&compiled, &value, MAX_BYTES).unwrap_err(), SearchError::TooLarge, "{too_large}");
    }
}

#[test]
fn a_value_of_another_shape_is_told_from_one_with_nulls() {
    let matches = |expression: &str, value: Value| {
        let expression = jmespath::compile(expression).unwrap();
        let found = select(&expression, &value, MAX_BYTES).map(|found| found.to_value());
        assert!(!matches!(found, Err(SearchError::TooLarge)));
        found.is_ok()
    };
    let list = "type(@) == 'array' && [].{a: a} || [{a: a}]";
    for (expression, value) in [
        ("{a: a, b: b}", json!({ "a": null, "b": null })),
        ("{a: a, b: b}", json!({ "b": 1 })),
        ("a", json!({ "a": null })),
        ("[].{a: a}", json!([])),
        ("[].{a: a}", json!([{ "a": null }])),
        ("{n: n, items: items[].{a: a}}", json!({ "items": null })),
        ("keys(@)", json!({ "x": 1 })),
        ("a", Value::Null),
        (list, json!([{ "a": 1 }])),
        (list, json!({ "a": 1 })),
    ] {
        assert!(matches(expression, value.clone()), "{expression} in {value}");
    }
    for (expression, value) in [
        ("{a: a, b: b}", json!({ "message": "sign in" })),
        ("{a: a, b: b}", json!([{ "a": 1 }])),
        ("{a: a, b: b}", json!("text")),
        ("a", json!({})),
        ("[].{a: a}", json!({ "a": 1 })),
        ("[].{a: a}", json!([{ "x": 1 }, { "y": 1 }])),
        ("{n: n, items: items[].{a: a}}", json!({ "error": 1 })),
        ("*.a", json!([])),
        ("[:2]", json!({})),
        (list, json!({ "message": "x" })),
    ] {
        assert!(!matches(expression, value.clone()), "{expression} in {value}");
    }
}
