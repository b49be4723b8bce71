"""E2: the text can be read, but is no spec."""

TEXTS: tuple[tuple[str, ...], ...] = (
    (
        "unknown-field",
        "A key that this mapping does not have",
        "The language has no such key here, or it does not go with another key beside it.",
        "A misspelt option that is ignored is found much later, in production.",
        "Correct the name; the suggestion tells the nearest one. Notes belong to `description` and `labels`.",
        "retri: {max: 3}",
        "retry: {max: 3}",
    ),
    (
        "missing-field",
        "A key is missing",
        "The mapping that is shown must have the key that the message names.",
        "There is no default that would be right for everybody.",
        "Add the key.",
        "metadata: {version: 1.0.0}",
        "metadata: {name: report, version: 1.0.0}",
    ),
    (
        "wrong-type",
        "A value of another type than the key takes",
        "For example a list where a mapping belongs, or a number where a text belongs.",
        "Nothing is converted: `1.0` is a number in YAML, and a version is a text.",
        "Write the type that the message asks for; quotes make a text.",
        "metadata: {name: report, version: 1.0}",
        'metadata: {name: report, version: "1.0.0"}',
    ),
    (
        "unknown-value",
        "A word that is none of the allowed ones",
        "The key takes one of a few words.",
        "An unknown word would have to be ignored or guessed.",
        "Use one of the words that the suggestion lists.",
        "state:\n  pages: {type: array, reduce: apend}",
        "state:\n  pages: {type: array, reduce: append}",
    ),
    (
        "unsupported-version",
        "A version of the language that this server does not speak",
        "`apiVersion` says in which language the document is written.",
        "A server must not run what it may misunderstand.",
        "Use `specloom/v1`, or a server that speaks the other version.",
        "apiVersion: specloom/v9",
        "apiVersion: specloom/v1",
    ),
    (
        "bad-name",
        "A name that is taken, or has forbidden characters or length",
        (
            "Node ids, inputs and channels: letters, digits and _, no digit first, at most 63 characters. "
            "Workflows and "
            "groups: lower-case letters, digits, dots, hyphens and _. Versions are semver, ranges `^1 ~1.4 "
            "1.2.3 *`. `end` "
            "and names beginning with `__` are taken, and a node id may occur once in a document."
        ),
        "Names become parts of expressions, file names, addresses and LangGraph's own names.",
        "Choose another name.",
        'nodes:\n  "my node": {tool: text.echo@1, next: end}',
        "nodes:\n  my_node: {tool: text.echo@1, next: end}",
    ),
    (
        "bad-duration",
        "Not a duration",
        "Durations are whole numbers with units: `ms s m h d`, also together, largest first.",
        "A bare number would be seconds for one reader and minutes for another.",
        "Write for example 30s, 5m, 2h, 3d or 1h30m.",
        "timeout: 5 minutes",
        "timeout: 5m",
    ),
    (
        "out-of-range",
        "A number, duration or count outside its bounds",
        (
            "Limits are at least 1, shares 0% to 100%, durations more than nothing and at most ten years; "
            "maps and lists "
            "that must say something are not empty."
        ),
        "A limit of zero or less would make every run fail, or none.",
        "Use a value within the bounds that the suggestion names.",
        "limits: {steps: -1}",
        "limits: {steps: 50}",
    ),
    (
        "no-verb",
        "Nothing says what a node does",
        "Every node has just one verb: luigi, tool, agent, decide, human, workflow, dag, flow, set, wait, emit, fail.",
        "Other keys say how and when; without a verb there is nothing to do.",
        "Add the verb.",
        "a: {with: {text: hello}, next: end}",
        "a: {tool: text.echo@1, with: {text: hello}, next: end}",
    ),
    (
        "several-verbs",
        "A node with more than one verb",
        "Shown at the second verb.",
        "Which of the two was meant, and in which order, would be a guess.",
        "Make two nodes of it.",
        "a: {tool: text.echo@1, luigi: market.Publish@1, next: end}",
        "a: {tool: text.echo@1, next: b}\nb: {luigi: market.Publish@1, next: end}",
    ),
    (
        "unknown-verb",
        "A verb that the language does not have",
        "The node has none of the verbs, but a key that is no key of nodes; it was probably meant as one.",
        "A misspelt verb must not turn a node into one that does nothing.",
        "Correct the name; the suggestion tells the nearest verb.",
        "a: {toll: text.echo@1, next: end}",
        "a: {tool: text.echo@1, next: end}",
    ),
    (
        "missing-else",
        "Conditions that may all fail",
        "A list of conditions is closed by an `else`; a switch covers all values of an enum, or has a `default`.",
        "When none holds, the run would have nowhere to go.",
        "Add `- {else: end}` or another target as the last entry; `default: …` to a switch.",
        'next:\n  - {when: "${ state.score > 0.5 }", to: publish}',
        'next:\n  - {when: "${ state.score > 0.5 }", to: publish}\n  - {else: end}',
    ),
    (
        "bad-default",
        "A default that breaks its own schema",
        "The `default` of an input or channel does not fit the schema beside it.",
        "A run that is started without the input would fail at once, or go on with a value that nothing expects.",
        "Change the default or the schema.",
        "inputs:\n  rounds: {type: integer, maximum: 5, default: 9}",
        "inputs:\n  rounds: {type: integer, maximum: 5, default: 3}",
    ),
    (
        "bad-schema",
        "A JSON Schema that is none",
        "A keyword of JSON Schema (draft 2020-12) holds what it may not hold.",
        "A schema that means nothing would let everything pass.",
        "Correct the keyword; `type` is one of array, boolean, integer, null, number, object, string.",
        "inputs:\n  topic: {type: text}",
        "inputs:\n  topic: {type: string}",
    ),
    (
        "schema-remote-ref",
        "A $ref to something outside the document",
        "`#/defs/N` is the document's `defs`, any other `#…` the schema's own. Nothing else is ever fetched.",
        "A fetched schema can change after the review, and lets a spec make the server call addresses or read files.",
        "Copy the schema into `defs`.",
        "result: {$ref: 'http://example.com/page.json'}",
        "result: {$ref: '#/defs/page'}",
    ),
    (
        "schema-recursive",
        "A $ref that leads back to itself",
        "Following the refs, one comes back to the same schema without having gone down into the data.",
        (
            "Checking any value against it would never end. (A tree, whose schema refers to itself inside "
            "`properties` or "
            "`items`, is fine.)"
        ),
        "Put the ref inside `properties` or `items`, or say what the value is.",
        "result: {$ref: '#'}",
        "result: {type: object, properties: {child: {$ref: '#'}}}",
    ),
    (
        "schema-unknown-ref",
        "A $ref to a place where there is no schema",
        "Nothing stands at the place that the ref names, or what stands there is no schema.",
        "A schema with a hole lets everything pass, or fails at the first value.",
        "Correct the name, or add the definition to `defs`.",
        "result: {$ref: '#/defs/pgae'}\ndefs: {page: {type: object}}",
        "result: {$ref: '#/defs/page'}\ndefs: {page: {type: object}}",
    ),
    (
        "schema-pattern",
        "A pattern that cannot be matched in linear time",
        "Patterns are matched by RE2, which has no lookaround or backreferences; counted repetitions go up to 1000.",
        "With other engines some patterns take longer than the universe has for a text of forty letters.",
        "Rewrite the pattern; what lookaheads say can mostly be said with `allOf` of two patterns.",
        "pattern: '^(?!test).*$'",
        "not: {pattern: '^test'}",
    ),
)
