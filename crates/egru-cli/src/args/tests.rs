use super::*;

fn train(arguments: &[&str]) -> Result<TrainArgs, clap::Error> {
    let all = ["egru", "train"].iter().chain(arguments);
    Cli::try_parse_from(all).map(|cli| match cli.command {
        Command::Train(args) => args,
        other => panic!("{other:?}"),
    })
}

#[test]
fn the_command_is_well_formed() {
    <Cli as clap::CommandFactory>::command().debug_assert();
}

#[test]
fn short_forms_come_after_the_long_ones() {
    let args = train(&["quickstart", "--seed", "7", "--set", "a.b = c=d"]).unwrap();
    let expected = [("a.b", "c=d"), ("seed", "7")].map(|(k, v)| (k.into(), v.into()));
    assert_eq!(args.all_overrides(), expected);
}

#[test]
fn a_run_has_exactly_one_origin() {
    assert!(train(&[]).is_err());
    assert!(train(&["quickstart", "--recipe", "x.toml"]).is_err());
    assert!(train(&["quickstart", "--resume", "runs/x"]).is_err());
    assert!(train(&["--resume", "runs/x", "--seed", "2"]).is_err());
    assert!(train(&["--resume", "runs/x", "--set", "a=b", "--epochs", "9"]).is_ok());
    assert!(train(&["--resume", "runs/x"]).is_ok());
    assert!(train(&["quickstart", "--set", "nothing"]).is_err());
}

#[test]
fn several_devices_take_the_place_of_the_backend() {
    let args = train(&["quickstart", "--devices", "cuda:0,cuda:1"]).unwrap();
    assert_eq!(args.devices, ["cuda:0", "cuda:1"]);
    let args = train(&["--resume", "runs/x", "--devices", "a,b", "--strategy", "ddp"]).unwrap();
    assert_eq!(
        args.resume_command("egru", Path::new("runs/x")),
        "egru train --resume runs/x --devices a,b --strategy ddp"
    );
    assert!(train(&["quickstart", "--devices", "a,b", "--backend", "a"]).is_err());
    assert!(train(&["quickstart", "--strategy", "ddp"]).is_err());
    assert!(train(&["quickstart", "--devices", "a,b", "--strategy", "both"]).is_err());
}

#[test]
fn the_command_to_go_on_says_what_was_typed_and_is_quoted() {
    let typed =
        ["quickstart", "--backend", "flex", "--threads", "1", "--offline", "--data", "my data"];
    let command = train(&typed).unwrap().resume_command("egru-cpu", Path::new("it's here/run"));
    assert_eq!(
        command,
        r"egru-cpu train --resume 'it'\''s here/run' --backend flex --threads 1 --data 'my data' --offline"
    );
}

fn bench(arguments: &[&str]) -> Result<BenchArgs, clap::Error> {
    let all = ["egru", "bench"].iter().chain(arguments);
    Cli::try_parse_from(all).map(|cli| match cli.command {
        Command::Bench(args) => args,
        other => panic!("{other:?}"),
    })
}

#[test]
fn benchmarks_are_chosen_by_lists() {
    let args = bench(&[]).unwrap();
    assert_eq!((args.workloads.len(), args.activity, args.rounds), (0, vec![0.15], 5));
    assert_eq!(args.passes, [Pass::Forward, Pass::Train]);
    assert_eq!((args.products, args.batch), (vec![Products::Auto], vec![]));
    let args = bench(&["lm", "tiny", "--activity", "0.15,1.0", "--pass", "train"]).unwrap();
    let names: Vec<_> = args.workloads.iter().map(|workload| workload.name).collect();
    assert_eq!((names, args.activity), (vec!["lm", "tiny"], vec![0.15, 1.0]));
    assert_eq!(bench(&["mid", "--batch", "1,32,128"]).unwrap().batch, [1, 32, 128]);
    let args = bench(&["--products", "events,dense", "--first-step-memory=-5,1.5"]).unwrap();
    assert_eq!(args.products, [Products::Events, Products::Dense]);
    assert_eq!(args.first_step_memory, Some(Calibration { theta: -5.0, eps: 1.5 }));
}

#[test]
fn what_cannot_be_measured_is_refused() {
    let refused = |arguments: &[&str], part: &str| {
        let error = bench(arguments).unwrap_err().to_string();
        assert!(error.contains(part), "{error}");
    };
    refused(&["smnits"], "there are: smnist, dvs");
    for share in ["0", "1.5", "-0.1", "nan", "much"] {
        refused(&[&format!("--activity={share}")], "above 0 and at most 1");
    }
    refused(&["--pass", "backward"], "forward, train");
    refused(&["--products", "few"], "auto, events, dense");
    refused(&["--rounds", "0"], "0 is not in 1..");
    refused(&["--batch", "32,0"], "0 is not in 1..");
    refused(&["compare"], "FILE.jsonl");
}

#[test]
fn comparing_takes_files_in_any_format() {
    for arguments in [
        ["bench", "compare", "a", "b", "--format", "json"],
        ["--format", "json", "bench", "compare", "a", "b"],
    ] {
        let cli = Cli::try_parse_from(["egru"].iter().chain(&arguments)).unwrap();
        let Command::Bench(args) = cli.command else { panic!("{cli:?}") };
        assert!(matches!(args.command, Some(BenchCommand::Compare { files }) if files.len() == 2));
        assert_eq!(cli.format, Format::Json);
    }
}

#[test]
fn tables_are_for_commands_that_have_one() {
    let read = |words: &[&str]| {
        Cli::read(["egru"].iter().chain(words).map(OsString::from)).map(|cli| cli.format)
    };
    for format in ["csv", "json", "human"] {
        assert!(read(&["data", "events", "a.aedat", "--format", format]).is_ok());
    }
    assert_eq!(read(&["--format", "csv", "data", "events", "a.bs2"]).unwrap(), Format::Csv);
    let refused = read(&["devices", "--format", "csv"]).unwrap_err();
    assert!(refused.to_string().contains("data events"), "{refused}");
    assert_eq!(refused.exit_code(), 2);
}

#[test]
fn a_sensor_is_two_sides() {
    assert_eq!(sensor("34x35"), Ok(Sensor { width: 34, height: 35 }));
    for wrong in ["34", "0x3", "3x", "3x-1", "40000x2", "3x4x5"] {
        assert!(sensor(wrong).unwrap_err().contains("such as 128x128"), "{wrong}");
    }
}
