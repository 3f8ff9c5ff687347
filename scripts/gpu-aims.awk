# Judges the tables of `egru-* bench compare` (standard input) by what is aimed at on a GPU: beside nn.GRU, at 15 % activity
# and with the products that `auto` chooses, at least as fast at batch 32 and three times as fast at batch 1. Prints a
# table; exits with status 1 where an aim is missed or a figure is missing.
#
#   egru-gpu bench compare records.jsonl | awk -f scripts/gpu-aims.awk
BEGIN {
    FS = " *[|] *"
    workloads[1] = "smnist"
    workloads[2] = "mid"
    passes[1] = "forward"
    passes[2] = "train"
    batches[1] = 1
    batches[2] = 32
    aim[1] = 3
    aim[32] = 1
}
# The head of a table names the columns, those of the peers by library and version.
/^[|] workload / {
    delete column
    delete peer
    for (i = 2; i < NF; i++) {
        column[$i] = i
        if ($i ~ /^nn.GRU,/) peer[i] = $i
    }
    next
}
# Only the table of times has a column of ours.
/^[|]/ && ("egru" in column) && $column["activity"] == "0.15" && $column["products"] == "auto" {
    key = $column["workload"] SUBSEP $column["pass"] SUBSEP $column["batch"]
    for (i in peer) {
        # "12.3 [12.1, 12.9] (1.23×)": the ratio in round brackets. Memory has none in square ones.
        if ($i !~ /\[/ || !match($i, /\([0-9.]+/)) continue
        ratio = substr($i, RSTART + 1, RLENGTH - 1) + 0
        # The fastest form of the peer is the one to beat.
        if (!(key in best) || ratio < best[key]) {
            best[key] = ratio
            against[key] = peer[i]
        }
    }
}
END {
    print "| workload | pass | batch | nn.GRU's time over ours | aim | |"
    print "| --- | --- | --- | --- | --- | --- |"
    for (n = 1; n <= 2; n++) for (p = 1; p <= 2; p++) for (b = 1; b <= 2; b++) {
        key = workloads[n] SUBSEP passes[p] SUBSEP batches[b]
        goal = aim[batches[b]]
        if (!(key in best)) {
            figure = "–"
            verdict = "not measured"
        } else {
            figure = sprintf("%.2f, %s", best[key], against[key])
            verdict = best[key] >= goal ? "met" : "missed"
        }
        if (verdict != "met") status = 1
        printf "| %s | %s | %d | %s | %s | %s |\n", workloads[n], passes[p], batches[b], figure, goal, verdict
    }
    exit status
}
