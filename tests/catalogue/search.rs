//! A model's words find the tool that it needs among twenty thousand, and nothing where there is none.

use cofferdam::caller::Caller;
use cofferdam_testing::generated_modules::{catalogue, foreign_questions, questions, registry};

/// The number of questions, and how many must find their tool among the first three.
const QUESTIONS: usize = 40;
const FOUND: usize = 36;

#[test]
fn a_models_words_find_the_tool_among_twenty_thousand() {
    let registry = registry();
    assert!(registry.broken().is_empty(), "{}", registry.broken()[0]);
    let tools: usize = registry.modules(&Caller::local()).map(|module| module.tools.len()).sum();
    assert!(tools > 20_000, "{tools}");

    let questions = questions();
    let asked = questions
        .iter()
        .flat_map(|(module, asked)| asked.iter().map(move |(tool, words)| (module, tool, words)));
    let mut count = 0;
    let mut missed = Vec::new();
    for (module, tool, words) in asked {
        let expected = registry.module(&Caller::local(), module).and_then(|module| module.tool(tool));
        assert!(expected.is_some(), "{module}.{tool} is not there");
        count += 1;
        let found = registry.search(&Caller::local(), words, 3);
        if !found.iter().any(|(of, one)| (&of.name, &one.name) == (module, tool)) {
            let names: Vec<String> =
                found.iter().map(|(of, one)| format!("{}.{}", of.name, one.name)).collect();
            missed.push(format!("{words:?} wants {module}.{tool} and finds {}", names.join(", ")));
        }
    }
    assert_eq!(count, QUESTIONS);
    println!("{} of {count} questions find their tool; not: {missed:#?}", count - missed.len());
    assert!(count - missed.len() >= FOUND, "{missed:#?}");
}

/// How many questions that no module can answer may find something, as long as a word of theirs has two meanings.
const MISTAKEN: usize = 2;

#[test]
fn words_for_what_no_module_can_do_find_nothing() {
    let registry = catalogue();
    let foreign = foreign_questions();
    assert!(foreign.len() >= 15);
    let found = |words: &String| {
        let found = registry.search(&Caller::local(), words, 5);
        let names: Vec<String> = found.iter().map(|(of, one)| format!("{}.{}", of.name, one.name)).collect();
        (!names.is_empty()).then(|| format!("{words:?} finds {}", names.join(", ")))
    };
    let mistaken: Vec<String> = foreign.iter().filter_map(found).collect();
    println!("{mistaken:#?}");
    assert!(mistaken.len() <= MISTAKEN, "{mistaken:#?}");
}

/// Without the generated modules, too, and with five results.
#[test]
fn a_models_words_find_the_tool_in_the_catalogue() {
    let registry = catalogue();
    let mut missed = Vec::new();
    for (module, asked) in questions() {
        for (tool, words) in asked {
            let found = registry.search(&Caller::local(), &words, 5);
            if !found.iter().any(|(of, one)| (&of.name, &one.name) == (&module, &tool)) {
                let names: Vec<&str> = found.iter().map(|(_, one)| one.name.as_str()).collect();
                missed.push(format!("{words:?} wants {module}.{tool} and finds {}", names.join(", ")));
            }
        }
    }
    println!("{missed:#?}");
    assert!(QUESTIONS - missed.len() >= FOUND, "{missed:#?}");
}
