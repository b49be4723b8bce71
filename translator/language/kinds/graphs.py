"""E5: the names are right, but what they make is no workflow."""

TEXTS: tuple[tuple[str, ...], ...] = (
    (
        "mixed-flow-and-dag",
        "next and needs in one map",
        "A map of nodes is either a flow (nodes say what comes `next`) or a DAG (nodes say what they `needs`).",
        "A join in a flow with loops can wait for ever for a branch that is not taken this time round.",
        "Put the part with joins into a `dag:` block, which is one node of the flow.",
        "nodes:\n  a: {tool: text.echo@1, next: b}\n  b: {tool: text.echo@1, needs: [a]}",
        "nodes:\n  a: {tool: text.echo@1, next: b}\n  b: {tool: text.echo@1, next: end}",
    ),
    (
        "unbounded-cycle",
        "A cycle without a bound",
        "Nothing says how often a loop may go round. Shown at the target that closes it.",
        "A loop that never ends costs money until somebody notices.",
        (
            "Set `limits: {steps: N}`, `limits: {visits: N}` on a node of the loop, or count in a channel with "
            "`reduce: sum` and compare it with a bound in the condition."
        ),
        "a: {tool: text.echo@1, next: [{when: \"${ state.text != '' }\", to: a}, {else: end}]}",
        "a: {tool: text.echo@1, limits: {visits: 5}, next: [{when: \"${ state.text != '' }\", to: a}, {else: end}]}",
    ),
    (
        "never-ends",
        "A node from which no path leads to an end",
        "Whatever the conditions say, a run that comes here can only be stopped by a limit.",
        "A limit is a safety net, not a way to finish.",
        "Give one of the nodes on the way a transition to `end`.",
        "a: {tool: text.echo@1, next: b}\nb: {tool: text.echo@1, next: a}",
        "a: {tool: text.echo@1, next: b}\nb: {tool: text.echo@1, next: end}",
    ),
    (
        "unreachable-node",
        "A node to which no path leads",
        "From the start one never comes to this node.",
        "It is mostly a forgotten or misspelt transition, and what it does would silently not be done.",
        "Let another node lead to it, or remove it.",
        "start: a\nnodes:\n  a: {tool: text.echo@1, next: end}\n  island: {tool: text.echo@1, next: end}",
        "start: a\nnodes:\n  a: {tool: text.echo@1, next: island}\n  island: {tool: text.echo@1, next: end}",
    ),
    (
        "needs-cycle",
        "Nodes of a DAG that need each other",
        "Shown at the entry of `needs` that closes the circle, read from the top.",
        "None of them could ever start.",
        "Remove one of the needs; if a loop is meant, use a flow.",
        "a: {tool: text.echo@1, needs: [b]}\nb: {tool: text.echo@1, needs: [a]}",
        "a: {tool: text.echo@1}\nb: {tool: text.echo@1, needs: [a]}",
    ),
    (
        "missing-reducer",
        "Two nodes of one DAG save into a channel that has no reducer",
        "Shown at the second. A channel without `reduce` keeps the last value.",
        "Which of the two is last would depend on the clock.",
        "Give the channel a `reduce`, such as append or sum, or use two channels.",
        "state: {text: {type: string}}",
        "state: {texts: {type: array, reduce: append}}",
    ),
    (
        "workflow-cycle",
        "A workflow that calls itself",
        "Directly, or through others.",
        "Each call would start another one, without end.",
        "Use a flow with a bounded loop.",
        "metadata: {name: report}\nnodes: {a: {workflow: report}}",
    ),
    (
        "not-yet-run",
        "The result of a node that cannot have run",
        (
            "An expression reads the result of a node that never comes before this one, or of a sibling that is not "
            "needed."
        ),
        "There is no result to read, or only sometimes, by chance.",
        "Add the node to `needs`, or save its result in a channel.",
        'one: {tool: text.echo@1}\ntwo: {tool: text.echo@1, with: {text: "${ nodes.one.result.text }"}}',
        'one: {tool: text.echo@1}\ntwo: {tool: text.echo@1, needs: [one], with: {text: "${ nodes.one.result.text }"}}',
    ),
    (
        "choice-without-need",
        "A choice that does not need its decision",
        "In a DAG a decision chooses among siblings, and each of them must have the decision in its `needs`.",
        "A node that does not wait for the decision would have begun before it is known whether it is chosen.",
        "Add the deciding node to the `needs` of the node.",
        "pick: {decide: {among: [left], tool: text.pick@1}}\nleft: {tool: text.echo@1}",
        "pick: {decide: {among: [left], tool: text.pick@1}}\nleft: {tool: text.echo@1, needs: [pick]}",
    ),
    (
        "wait-in-finally",
        "Something under finally that waits",
        "`human` and `wait` cannot stand under `finally`, nor in a block or a called workflow there.",
        "What runs at the end cleans up, also after a failure or a cancel; a run that waits then is not over for days.",
        "Ask or wait in `nodes`, before the end.",
        'finally:\n  bye: {human: {title: "Done?"}}',
        "finally:\n  bye: {tool: text.echo@1, with: {text: done}}",
    ),
    (
        "inside-of-map",
        "The result of a node in a mapped block, read from outside",
        "The node runs once for each item. Only nodes of the same block see its result, each that of its own item.",
        "From outside there are as many results as items, and none of them is the one.",
        "Read the result of the whole map: its `ok` lists what each item gave.",
        (
            'each: {map: {each: i, in: [1, 2]}, dag: {one: {tool: text.echo@1, with: {text: "${ string(i) }"}}}}\n'
            'then: {needs: [each], emit: {event: done, data: "${ nodes.one.result }"}}'
        ),
        (
            'each: {map: {each: i, in: [1, 2]}, dag: {one: {tool: text.echo@1, with: {text: "${ string(i) }"}}}}\n'
            'then: {needs: [each], emit: {event: done, data: "${ nodes.each.result.ok }"}}'
        ),
    ),
)
