"""A cluster of each size through the same scenario: one table row a figure, so that it shows how costs grow."""

from programs import Failed, json_lines, run_good

# Half of the nodes are replaced in an hour. Shorter for the larger ones: what a cluster costs to simulate grows with its
# nodes and its time. Who has just joined looks for others for a minute or two: larger ones settle for longer.
SCENARIOS = {
    100: ["--grow-s=60", "--settle-s=60", "--undisturbed-s=60", "--churn-s=1500", "--divisions=2", "--divided-s=120",
          "--heal-s=60", "--healed-s=60", "--later-s=1500", "--lookups=300", "--replaced-per-hour=0.5"],
    1000: ["--grow-s=120", "--settle-s=90", "--undisturbed-s=30", "--churn-s=300", "--divisions=2", "--divided-s=60",
           "--heal-s=120", "--healed-s=30", "--later-s=300", "--lookups=300", "--replaced-per-hour=0.5"],
    # What they cost. More, and divisions, would take a core for many hours.
    10000: ["--grow-s=60", "--settle-s=90", "--undisturbed-s=10", "--churn-s=20", "--divisions=0", "--later-s=20", "--lookups=300",
            "--replaced-per-hour=0.5"],
}
QUICK = ["--grow-s=10", "--settle-s=10", "--undisturbed-s=10", "--churn-s=10", "--divisions=1", "--divided-s=30", "--later-s=10",
         "--lookups=30"]
# Memory of many nodes: large pages, and freed frames of coroutines kept at hand, save a third of the time.
ENVIRONMENT = {"GLIBC_TUNABLES": "glibc.malloc.hugetlb=1:glibc.malloc.tcache_count=200"}
# Whose addresses all nodes know: more of them, so that all who join do not come to the same few.
WAYS_IN = {100: 5, 1000: 10, 10000: 100}
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
    like = max((size for size in SCENARIOS if size <= nodes), default=min(SCENARIOS))
    scenario = QUICK if context.quick else SCENARIOS[like]
    command = [program, f"--nodes={nodes}", f"--nodes-per-model={min(nodes, context.options.nodes_per_model)}",
               f"--ways-in={WAYS_IN[like]}", f"--seed={context.options.seed}", *scenario]
    return phases_in(run_good(command, context.deadline, 5 * 3600, ENVIRONMENT, log=context.log).events)


def add_lookups(context, nodes, phases):
    for kind, name in KINDS.items():
        for phase_name in ("undisturbed", "churn", "divided", "healed", "later"):
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


def minutes_between(phases, one, other):
    return sum(phase["simulated_s"] for phase in phases[phases.index(one) + 1:phases.index(other) + 1]) / 60


def add_costs(context, nodes, phases, end):
    churn = next(phase for phase in phases if phase["name"] == "churn")
    last = phases[-1]

    def most(key):
        return max(phase[key] for phase in phases)

    def held_to(name):
        return {} if context.options.unjudged else {"bar": name}

    context.add(f"{nodes:,} nodes: memory a node", most("heap_bytes") / 1024, "KiB", **held_to("memory"),
                note=f"the most of all phases, heap of the process; resident {most('resident_bytes') / 2**20:,.0f} MiB in all")
    context.add(f"{nodes:,} nodes: connections of a node, the most", most("connections_most"), "", **held_to("connections"),
                note=f"mean {churn['connections']:.0f}, with {churn['streams']:.0f} streams; {churn['dials_per_hour']:,.0f} "
                     "dials an hour during churn")
    context.add(f"{nodes:,} nodes: sent and received by the busiest node", most("bytes_per_s_most") / 1024, "KiB/s",
                **held_to("traffic"))
    context.add(f"{nodes:,} nodes: sent by a node during churn", churn["bytes_per_s"] / 1024, "KiB/s",
                note=f"{churn['messages_per_s']:.1f} messages/s; {churn['bytes_per_s'] * 3600 / 1e6:,.0f} MB an hour; look-ups "
                     "of the test among it")
    for key, name in (("heap_bytes", "memory a node"), ("bytes_per_s", "sent by a node a second")):
        context.add(f"{nodes:,} nodes, at the end: {name}", last[key] / 1024, "KiB", floor=churn[key] / 1024,
                    floor_name=f"{minutes_between(phases, churn, last):.0f} min before", ratio=last[key] / churn[key],
                    **held_to("growth"))
    context.add(f"{nodes:,} nodes: peers in a routing table", churn["table_peers"], "",
                note=f"{churn['provider_records']:.0f} provider records, at most {most('provider_records_most'):,}; "
                     f"{churn['index_pairs']:.0f} pairs in the index, at most {most('index_pairs_most'):,}")
    context.add(f"{nodes:,} nodes: simulated time", end["simulated_s"] / 60, "min",
                note=f"{end['wall_s'] / 60:,.0f} min by the clock, on one core; {end['replaced']:,} nodes replaced, {end['replaced_per_hour']:g} "
                     f"of all in an hour; connections kept {end['marks'][0]} to {end['marks'][1]}; {end['events']:,} arrivals; digest {end['digest']}")


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
