//! The macro [`text!`](macro@text) of `cofferdam-config`, which re-exports it and documents its use.
//!
//! A macro by example could not do this: it cannot look into a format string, and a variable that is captured there
//! (`"unknown key {input}"`) would not be checked.

mod captures;

use proc_macro::{Delimiter, Group, Ident, Literal, Punct, Spacing, Span, TokenStream, TokenTree};

use crate::captures::captures;

/// Formats a `Text` as `format!` formats a `String`, of arguments that are all `Shown`.
#[proc_macro]
pub fn text(input: TokenStream) -> TokenStream {
    let arguments = split(input);
    let mut arguments = arguments.iter().map(Vec::as_slice);
    let Some([TokenTree::Literal(format)]) = arguments.next() else {
        return compile_error("`text!` needs a string literal as its first argument");
    };
    let mut output = vec![TokenTree::Literal(format.clone())];
    let mut named = Vec::new();
    for argument in arguments {
        output.push(comma());
        match argument {
            [TokenTree::Ident(name), TokenTree::Punct(equals), value @ ..]
                if equals.as_char() == '=' && equals.spacing() == Spacing::Alone =>
            {
                named.push(name.to_string());
                output.extend([TokenTree::Ident(name.clone()), TokenTree::Punct(equals.clone())]);
                output.extend(checked(value));
            }
            positional => output.extend(checked(positional)),
        }
    }
    for name in captures(&format.to_string()) {
        if !named.contains(&name) {
            let variable = TokenTree::Ident(Ident::new(&name, format.span()));
            output.extend([comma(), variable.clone(), punct('=', Spacing::Alone)]);
            output.extend(checked(&[variable]));
        }
    }
    let format_args = path(&["core", "format_args"]).chain([punct('!', Spacing::Alone), parentheses(output)]);
    path(&["cofferdam_config", "Text", "from_checked"])
        .chain([parentheses(format_args.collect::<Vec<_>>())])
        .collect()
}

/// The arguments, which are separated by commas.
fn split(input: TokenStream) -> Vec<Vec<TokenTree>> {
    let mut arguments = vec![Vec::new()];
    for token in input {
        match (&token, arguments.last_mut()) {
            (TokenTree::Punct(punct), _) if punct.as_char() == ',' => arguments.push(Vec::new()),
            (_, Some(last)) => last.push(token),
            (_, None) => {}
        }
    }
    arguments.retain(|argument| !argument.is_empty());
    arguments
}

/// `::cofferdam_config::checked(&value)`, which compiles only for what is `Shown`.
fn checked(value: &[TokenTree]) -> impl Iterator<Item = TokenTree> {
    let value = match value {
        [single] => single.clone(),
        several => parentheses(several.to_vec()),
    };
    path(&["cofferdam_config", "checked"]).chain([parentheses(vec![punct('&', Spacing::Alone), value])])
}

/// `::a::b`.
fn path(names: &[&str]) -> impl Iterator<Item = TokenTree> {
    names.iter().flat_map(|name| {
        let name = TokenTree::Ident(Ident::new(name, Span::call_site()));
        [punct(':', Spacing::Joint), punct(':', Spacing::Alone), name]
    })
}

fn parentheses(inside: Vec<TokenTree>) -> TokenTree {
    TokenTree::Group(Group::new(Delimiter::Parenthesis, inside.into_iter().collect()))
}

fn comma() -> TokenTree {
    punct(',', Spacing::Alone)
}

fn punct(character: char, spacing: Spacing) -> TokenTree {
    TokenTree::Punct(Punct::new(character, spacing))
}

fn compile_error(message: &str) -> TokenStream {
    let message = TokenTree::Literal(Literal::string(message));
    path(&["core", "compile_error"])
        .chain([punct('!', Spacing::Alone), parentheses(vec![message]), punct(';', Spacing::Alone)])
        .collect()
}
