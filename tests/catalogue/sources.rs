//! Operations that are written by hand name their source.

use cofferdam_testing::fixture;
use serde_json::Value;

#[test]
fn every_operation_written_by_hand_names_its_page_and_its_day() {
    for module in ["notion", "supabase", "supabase_data"] {
        let text = std::fs::read_to_string(fixture(module).join("openapi.json")).unwrap();
        let document: Value = serde_json::from_str(&text).unwrap();
        for (path, methods) in document["paths"].as_object().unwrap() {
            let operations = methods.as_object().unwrap().iter();
            for (method, operation) in operations.filter(|(method, _)| *method != "parameters") {
                let page = operation["externalDocs"]["url"].as_str().unwrap_or_default();
                assert!(page.starts_with("https://"), "{module}: {method} {path} names no page");
                let day = operation["x-checked"].as_str().unwrap_or_default();
                assert!(day.len() == 10 && day.starts_with("20"), "{module}: {method} {path} names no day");
            }
        }
    }
}
