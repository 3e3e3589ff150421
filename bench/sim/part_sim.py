"""A cluster of each size through the same scenario: one table row a figure, so that it shows how costs grow."""

from programs import Failed, json_lines, run_good

# Shorter for the larger ones: a minute of 10,000 nodes takes as long as an hour of 100.
SCENARIOS = {
    100: ["--churn-s=3600", "--divisions=4", "--divided-s=180", "--lookups=1000"],
    1000: ["--churn-s=600", "--divisions=2", "--divided-s=120", "--lookups=1000"],
    10000: ["--churn-s=60", "--divisions=1", "--divided-s=60", "--lookups=1000", "--grow-s=90"],
}
QUICK = ["--churn-s=60", "--divisions=1", "--divided-s=60", "--lookups=50", "--grow-s=10"]
KINDS = {"blocks": "holders of a prompt, by the index", "providers": "providers of a model, in the DHT",
         "peers": "a peer's address, in the DHT"}


def phases_in(events):
    phases = [event for event in events if event["event"] == "phase"]
    ends = [event for event in events if event["event"] == "end"]
    if not phases or not ends:
        raise Failed("sim_bench has not told of its end")
    return phases, ends[0]


def phases_of(context, nodes):
    program = context.programs.find("sim_bench")
    scenario = QUICK if context.quick else SCENARIOS.get(nodes, SCENARIOS[1000])
    command = [program, f"--nodes={nodes}", f"--nodes-per-model={min(nodes, context.options.nodes_per_model)}",
               f"--seed={context.options.seed}", *scenario]
    return phases_in(run_good(command, context.deadline, 5 * 3600, log=context.log).events)


def add_lookups(context, nodes, phases):
    for kind, name in KINDS.items():
        for phase_name in ("undisturbed", "churn", "divided", "healed"):
            these = [phase[kind] for phase in phases if phase["name"] == phase_name and phase[kind]["count"] > 0]
            if not these:
                continue
            worst = min(these, key=lambda one: one["share"])
            judged = phase_name in ("undisturbed", "healed") and not context.options.unjudged
            note = f"{worst['count']:,} look-ups; p50 {worst['p50_ms']:.0f} ms, p99 {worst['p99_ms']:.0f} ms of simulated time"
            if kind == "blocks":
                note += f"; {worst['asked']:.2f} holders asked"
            context.add(f"{nodes:,} nodes, {phase_name}: {name}", worst["share"], "found", bar="found" if judged else None,
                        note=note)


def add_costs(context, nodes, phases, end):
    churn = next(phase for phase in phases if phase["name"] == "churn")
    last = phases[-1]
    growth = {} if context.options.unjudged else {"bar": "growth"}
    context.add(f"{nodes:,} nodes: memory a node", churn["heap_bytes"] / 1024, "KiB",
                note=f"heap of the process; resident {churn['resident_bytes'] / 2**20:,.0f} MiB in all")
    context.add(f"{nodes:,} nodes: the same at the end", last["heap_bytes"] / 1024, "KiB",
                floor=churn["heap_bytes"] / 1024, floor_name="after churn", ratio=last["heap_bytes"] / churn["heap_bytes"],
                **growth)
    context.add(f"{nodes:,} nodes: sent by a node", churn["bytes_per_s"] / 1024, "KiB/s",
                note=f"{churn['messages_per_s']:.1f} messages/s; {churn['bytes_per_s'] * 3600 / 1e6:,.0f} MB an hour; "
                     f"busiest node, both ways: {churn['bytes_per_s_most'] / 1024:.1f} KiB/s")
    context.add(f"{nodes:,} nodes: the same at the end", last["bytes_per_s"] / 1024, "KiB/s",
                floor=churn["bytes_per_s"] / 1024, floor_name="during churn", ratio=last["bytes_per_s"] / churn["bytes_per_s"],
                **growth)
    context.add(f"{nodes:,} nodes: connections of a node", churn["connections"], "",
                note=f"at most {max(phase['connections_most'] for phase in phases)}; {churn['streams']:.0f} streams; "
                     f"{churn['dials_per_hour']:.0f} dials an hour")
    context.add(f"{nodes:,} nodes: peers in a routing table", churn["table_peers"], "",
                note=f"{churn['provider_records']:.0f} provider records, at most "
                     f"{max(phase['provider_records_most'] for phase in phases):,}; {churn['index_pairs']:.0f} pairs in the index, at most "
                     f"{max(phase['index_pairs_most'] for phase in phases):,}")
    context.add(f"{nodes:,} nodes: simulated time", end["simulated_s"] / 60, "min",
                note=f"{end['wall_s'] / 60:.1f} min of this machine; {end['replaced']:,} nodes replaced; {end['events']:,} "
                     f"arrivals; digest {end['digest']}")


def add_all(context, nodes, phases, end):
    add_lookups(context, nodes, phases)
    add_costs(context, nodes, phases, end)


def run(context):
    for file in context.options.printed:
        with context.row(file.name):
            phases, end = phases_in(json_lines(file.read_text(encoding="utf-8")))
            add_all(context, phases[0]["nodes"], phases, end)
    if context.options.printed:
        return
    for nodes in (int(size) for size in context.options.sizes.split(",")):
        with context.row(f"{nodes:,} nodes"):
            add_all(context, nodes, *phases_of(context, nodes))
