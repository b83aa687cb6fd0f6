//! Full-text search for tools: a small inverted index with BM25 over names, descriptions and arguments.
//!
//! A search scores the tools that contain the rarest words of the query, and a bounded number of them, so that its cost
//! does not grow with the number of tools. Words are stemmed by a few English suffix rules (`issues`, `merged`). With less
//! weight, a word of the query also matches longer words that start with it (`repo`: `repository`), the longest word that
//! it starts with (`healthy`: `health`), and synonyms (`remove`: `delete`).

use std::collections::{BTreeMap, HashMap};
use std::ops::Bound::{Included, Unbounded};
use std::sync::{Arc, LazyLock};

use super::module::Module;
use super::words::{each_word, is_stop_word, stem, words};
use crate::manifest::Tool;

/// The maximum length of a query that is read, in characters.
const MAX_QUERY_CHARS: usize = 1000;

/// The maximum number of words of a query that are used.
const MAX_QUERY_WORDS: usize = 16;

/// The maximum number of tools that are scored for one word. A more frequent word only adds to the scores of tools that other
/// words have found.
const MAX_POSTINGS: usize = 1000;

/// The maximum number of longer words that one word of a query matches, and the minimum length of that word.
const LONGER_WORDS: usize = 4;
const LONGER_FROM_CHARS: usize = 3;
const LONGER_WEIGHT: f32 = 0.5;

/// The minimum length of a shorter word that matches one of the query. It must also be three fifths of its length.
const SHORTER_FROM_CHARS: usize = 4;
const SHORTER_WEIGHT: f32 = 0.5;

/// How much of a query a tool must match to be found: the part of the rarity of its words. Less is a chance hit, such as one
/// frequent word. Chosen with `tests/fixtures/search`: the questions there match more, and what no module can do less.
const MIN_COVERAGE: f32 = 0.3;

/// How much less than the best match another may match.
const MIN_SHARE_OF_BEST: f32 = 0.5;

/// Synonyms, one group a line.
const SYNONYMS: [&str; 16] = [
    "delete remove trash erase drop",
    "create make new add insert write",
    "update edit change modify replace overwrite set",
    "get read show view fetch see",
    "search find query look",
    "rerun retry again",
    "comment discussion reply answer",
    "run start trigger execute call invoke",
    "restore resume unpause",
    "pr pull",
    "bug issue",
    "text content body",
    "row record entry",
    "column property field",
    "folder directory",
    "approve review",
];
const SYNONYM_WEIGHT: f32 = 0.3;

/// The weight of a word by the field that contains it.
const IN_NAME: f32 = 4.0;
const IN_MODULE: f32 = 3.0;
const IN_DESCRIPTION: f32 = 1.5;
const IN_ARGUMENTS: f32 = 1.0;

/// The parameters of BM25: the saturation of repeated words, and the normalization by length.
const K1: f32 = 1.2;
const B: f32 = 0.5;

/// For each stemmed word of [`SYNONYMS`], the others of its groups.
static SYNONYMS_OF: LazyLock<HashMap<String, Vec<String>>> = LazyLock::new(|| {
    let mut others: HashMap<String, Vec<String>> = HashMap::new();
    for line in SYNONYMS {
        let line: Vec<String> = line.split(' ').map(stem).collect();
        for word in &line {
            others
                .entry(word.clone())
                .or_default()
                .extend(line.iter().filter(|other| *other != word).cloned());
        }
    }
    others
});

/// The index over the tools of all modules.
#[derive(Debug, Default)]
pub(super) struct Index {
    words: BTreeMap<Box<str>, Vec<Posting>>,
    tools: Vec<Indexed>,
    average_length: f32,
}

/// A tool that contains a word, and the weight of the word in it.
#[derive(Debug, Clone, Copy)]
struct Posting {
    tool: u32,
    weight: f32,
}

#[derive(Debug)]
struct Indexed {
    found: Found,
    length: f32,
}

/// The position of a tool in the registry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) module: usize,
    pub(super) tool: usize,
}

impl Index {
    /// Indexes every tool of `modules`.
    pub(super) fn new(modules: &[Arc<Module>]) -> Self {
        let mut builder = Builder::default();
        for (module_at, module) in modules.iter().enumerate() {
            let of_module = builder.words_of(module);
            for (tool_at, tool) in module.tools.iter().enumerate() {
                builder.add(Found { module: module_at, tool: tool_at }, &of_module, tool);
            }
        }
        builder.finish()
    }

    /// The tools that match `query` best, the best first, and none that does not fit. Tools with equal scores are in the
    /// registry's order.
    pub(super) fn search(&self, query: &str, limit: usize) -> Vec<Found> {
        let query = self.terms(query);
        let mut matches: HashMap<u32, Match> = HashMap::new();
        for term in &query.terms {
            let rarity = self.rarity(term.postings.len()) * term.weight;
            if term.postings.len() <= MAX_POSTINGS || matches.is_empty() {
                for posting in term.postings.iter().take(MAX_POSTINGS) {
                    matches.entry(posting.tool).or_default().add(term, rarity * self.strength(posting));
                }
            } else {
                for (tool, found) in &mut matches {
                    if let Ok(at) = term.postings.binary_search_by_key(tool, |posting| posting.tool) {
                        found.add(term, rarity * self.strength(&term.postings[at]));
                    }
                }
            }
        }
        let coverage = |found: &Match| {
            let words = query.rarities.iter().enumerate().filter(|(at, _)| found.words & (1 << at) != 0);
            words.map(|(_, rarity)| rarity).sum::<f32>() / query.rarities.iter().sum::<f32>()
        };
        let mut best: Vec<(u32, Match)> = matches.into_iter().collect();
        best.sort_unstable_by(|(a, of_a), (b, of_b)| of_b.score.total_cmp(&of_a.score).then(a.cmp(b)));
        let least =
            best.first().map_or(0.0, |(_, found)| coverage(found) * MIN_SHARE_OF_BEST).max(MIN_COVERAGE);
        best.iter()
            .filter(|(_, found)| coverage(found) >= least)
            .take(limit)
            .filter_map(|(tool, _)| Some(self.tools.get(usize::try_from(*tool).ok()?)?.found))
            .collect()
    }

    /// The postings of the query's words, and of the words that match one of them, the rarest first.
    fn terms(&self, query: &str) -> Query<'_> {
        let query: String = query.chars().take(MAX_QUERY_CHARS).collect();
        let mut query_words = words(&query);
        query_words.truncate(MAX_QUERY_WORDS);
        let mut terms = Terms { index: self, by_word: HashMap::new(), terms: Vec::new() };
        for (at, word) in query_words.iter().enumerate() {
            terms.add(word, 1.0, at);
        }
        for (at, word) in query_words.iter().enumerate() {
            SYNONYMS_OF
                .get(word)
                .into_iter()
                .flatten()
                .for_each(|other| terms.add(other, SYNONYM_WEIGHT, at));
            if let Some(shorter) = self.shorter(word) {
                terms.add(shorter, SHORTER_WEIGHT, at);
            }
            if word.chars().count() < LONGER_FROM_CHARS {
                continue;
            }
            let from = self.words.range::<str, _>((Included(word.as_str()), Unbounded));
            let longer = from.take_while(|(indexed, _)| indexed.starts_with(word.as_str()));
            longer.take(LONGER_WORDS + 1).for_each(|(indexed, _)| terms.add(indexed, LONGER_WEIGHT, at));
        }
        let mut terms = terms.terms;
        terms.sort_by_key(|term| term.postings.len());
        let rarities = query_words.iter().map(|word| match self.words.get(word.as_str()) {
            Some(postings) => self.rarity(postings.len()),
            // A value and not a word.
            None if word.bytes().all(|byte| byte.is_ascii_digit()) => 0.0,
            // A word that no tool has is as rare as can be.
            None => self.rarity(0),
        });
        Query { rarities: rarities.collect(), terms }
    }

    /// The longest indexed word that `word` starts with.
    fn shorter<'w>(&self, word: &'w str) -> Option<&'w str> {
        let ends: Vec<usize> = word.char_indices().map(|(end, _)| end).collect();
        let least = SHORTER_FROM_CHARS.max((ends.len() * 3).div_ceil(5));
        // A prefix ends where the next character starts.
        let mut prefixes = ends.iter().skip(least).rev().filter_map(|end| word.get(..*end));
        prefixes.find(|prefix| self.words.contains_key(*prefix))
    }

    fn rarity(&self, holders: usize) -> f32 {
        let (all, holders) = (self.tools.len() as f32, holders as f32);
        (1.0 + (all - holders + 0.5) / (holders + 0.5)).ln()
    }

    fn strength(&self, posting: &Posting) -> f32 {
        let tool = usize::try_from(posting.tool).ok().and_then(|at| self.tools.get(at));
        let length = tool.map_or(self.average_length, |tool| tool.length);
        let against = K1 * (1.0 - B + B * length / self.average_length.max(1.0));
        posting.weight * (K1 + 1.0) / (posting.weight + against)
    }
}

/// Builds an index. Twenty thousand tools contain few distinct words many times, so each spelling is stemmed once.
#[derive(Default)]
struct Builder {
    /// The index in `postings` of each spelling in lower case; `None` for a stop word.
    spellings: HashMap<Box<str>, Option<usize>>,
    stemmed: HashMap<String, usize>,
    postings: Vec<Vec<Posting>>,
    tools: Vec<Indexed>,
}

/// Words with their weights, each word once.
type Weights = Vec<(usize, f32)>;

impl Builder {
    /// The words that every tool of `module` has.
    fn words_of(&mut self, module: &Module) -> Weights {
        let mut weights = Weights::new();
        for text in [&module.name, &module.service.title] {
            self.count(text, IN_MODULE, &mut weights);
        }
        // However often the module contains it.
        weights.iter_mut().for_each(|(_, weight)| *weight = IN_MODULE);
        weights
    }

    fn add(&mut self, found: Found, of_module: &Weights, tool: &Tool) {
        // A process has far fewer tools than 2^32. A further one could be called, but not found.
        let Ok(at) = u32::try_from(self.tools.len()) else { return };
        let mut weights = of_module.clone();
        self.count(&tool.name, IN_NAME, &mut weights);
        self.count(&tool.description, IN_DESCRIPTION, &mut weights);
        let arguments = tool.operation.input_schema.get("properties").and_then(serde_json::Value::as_object);
        for (name, _) in arguments.into_iter().flatten() {
            self.count(name, IN_ARGUMENTS, &mut weights);
        }
        self.tools.push(Indexed { found, length: weights.iter().map(|(_, weight)| weight).sum() });
        for (word, weight) in weights {
            if let Some(postings) = self.postings.get_mut(word) {
                postings.push(Posting { tool: at, weight });
            }
        }
    }

    fn count(&mut self, text: &str, weight: f32, weights: &mut Weights) {
        each_word(text, |spelling| {
            let Some(word) = self.word(spelling) else { return };
            match weights.iter_mut().find(|(known, _)| *known == word) {
                Some((_, sum)) => *sum += weight,
                None => weights.push((word, weight)),
            }
        });
    }

    fn word(&mut self, spelling: &str) -> Option<usize> {
        if let Some(word) = self.spellings.get(spelling) {
            return *word;
        }
        let word = (!is_stop_word(spelling)).then(|| {
            *self.stemmed.entry(stem(spelling)).or_insert_with(|| {
                self.postings.push(Vec::new());
                self.postings.len() - 1
            })
        });
        self.spellings.insert(spelling.into(), word);
        word
    }

    fn finish(mut self) -> Index {
        let total: f32 = self.tools.iter().map(|tool| tool.length).sum();
        let average_length = total / (self.tools.len().max(1) as f32);
        let words = self.stemmed.into_iter().filter_map(|(word, at)| {
            let mut postings = std::mem::take(self.postings.get_mut(at)?);
            postings.shrink_to_fit();
            Some((word.into(), postings))
        });
        Index { words: words.collect(), tools: self.tools, average_length }
    }
}

/// A query, as the index sees it.
struct Query<'a> {
    /// How rare each of its words is.
    rarities: Vec<f32>,
    terms: Vec<Term<'a>>,
}

/// An indexed word that a query matches.
struct Term<'a> {
    postings: &'a [Posting],
    weight: f32,
    /// The words of the query that match it, one bit each.
    words: u32,
}

/// How a tool matches a query.
#[derive(Debug, Default, Clone, Copy)]
struct Match {
    score: f32,
    /// The words of the query that it matches, one bit each.
    words: u32,
}

impl Match {
    fn add(&mut self, term: &Term<'_>, score: f32) {
        self.score += score;
        self.words |= term.words;
    }
}

/// The words that a query matches, each once.
struct Terms<'a> {
    index: &'a Index,
    /// The index in `terms` of each.
    by_word: HashMap<&'a str, usize>,
    terms: Vec<Term<'a>>,
}

impl Terms<'_> {
    /// Adds a word that the query's word at `at` matches. It has the weight with which it was added first.
    fn add(&mut self, word: &str, weight: f32, at: usize) {
        let Some((indexed, postings)) = self.index.words.get_key_value(word) else { return };
        let term = *self.by_word.entry(indexed).or_insert_with(|| {
            self.terms.push(Term { postings, weight, words: 0 });
            self.terms.len() - 1
        });
        if let Some(term) = self.terms.get_mut(term) {
            term.words |= 1 << at;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_matches_its_synonyms_and_its_own_prefix() {
        let of = |word: &str| SYNONYMS_OF[&stem(word)].clone();
        assert!(of("removed").contains(&stem("delete")) && of("deletes").contains(&stem("trash")));
        assert!(!of("delete").contains(&stem("delete")));
        let mut index = Index::default();
        for word in ["health", "data", "größ"] {
            index.words.insert(word.into(), Vec::new());
        }
        let shorter = |word: &str| index.shorter(word).map(str::to_owned);
        assert_eq!(shorter("healthy").as_deref(), Some("health"));
        assert_eq!(shorter("größer").as_deref(), Some("größ"));
        assert_eq!(
            (shorter("databases"), shorter("health"), shorter("dat"), shorter("")),
            (None, None, None, None)
        );
    }
}
