//! Tokenizers whose regular expressions take too many steps, or whose normalizers explode.

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use elastic_core::Job;
use elastic_core::tokens::{Bpe, GiveUp};
use serde_json::{Value, json};

/// A tokenizer of words that a regular expression finds.
fn tokenizer(pattern: &str) -> Bpe {
    open(pattern, &json!(null)).unwrap()
}

fn open(pattern: &str, normalizer: &Value) -> elastic_core::Result<Bpe> {
    let json = json!({
        "version": "1.0",
        "normalizer": normalizer,
        "pre_tokenizer": {
            "type": "Split",
            "pattern": {"Regex": pattern},
            "behavior": "Isolated",
            "invert": false,
        },
        "model": {"type": "WordLevel", "vocab": {"a": 0, "[UNK]": 1}, "unk_token": "[UNK]"},
    });
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tokenizer.json");
    fs::write(&path, json.to_string()).unwrap();
    Bpe::open(&path)
}

fn encode(tokenizer: &Bpe, text: &str) -> Result<Vec<u32>, String> {
    tokenizer.encode(text.as_bytes(), &Job::default())
}

#[test]
fn a_match_with_exponentially_many_ways_is_refused() {
    let exploding = tokenizer("(a+)+$");
    assert_eq!(encode(&exploding, "aaa").unwrap(), [1]);
    let reason = encode(&exploding, &("a".repeat(40) + "b")).unwrap_err();
    assert_eq!(reason, "its regular expression gives up on the text: retry-limit-in-match over");
}

#[test]
fn a_search_of_many_failed_matches_is_refused() {
    // 20,000 positions with up to as many steps each.
    let reason = encode(&tokenizer("(?:a|b)*[^ab][^ab]"), &("a".repeat(20_000) + "c")).unwrap_err();
    assert_eq!(reason, "its regular expression gives up on the text: retry-limit-in-search over");
}

#[test]
fn a_match_that_needs_too_much_memory_is_refused() {
    let reason =
        encode(&tokenizer("(?:a|b)*[^ab][^ab]"), &("ab".repeat(6 << 20) + "c")).unwrap_err();
    assert_eq!(reason, "its regular expression gives up on the text: match-stack limit over");
}

#[test]
fn the_texts_of_a_stopped_job_give_up_and_others_are_encoded() {
    // Each word takes some 4 million steps, below the limits.
    let slow = tokenizer("(a+)+b|a+ ");
    let text = ("a".repeat(21) + " ").repeat(1000);
    let start = Instant::now();
    let stopped = Job::default();
    thread::scope(|scope| {
        let worker = scope.spawn(|| slow.encode(text.as_bytes(), &stopped));
        thread::sleep(Duration::from_millis(200));
        assert!(!worker.is_finished());
        stopped.stop();
        let give_up = GiveUp::new();
        assert!(worker.join().unwrap().is_err());
        let other = scope.spawn(|| encode(&slow, &text[..22]));
        thread::sleep(Duration::from_millis(50));
        drop(give_up);
        assert_eq!(other.join().unwrap().unwrap(), [1]);
    });
    assert!(start.elapsed() < Duration::from_secs(60));
}

#[test]
fn a_long_text_of_a_stopped_job_is_left() {
    // Each of the positions is followed to the end of the text, without a step back.
    let slow = tokenizer("a*[^a][^a]");
    let text = "a".repeat(400_000) + "b";
    let job = Job::default();
    thread::scope(|scope| {
        let worker = scope.spawn(|| slow.encode(text.as_bytes(), &job));
        thread::sleep(Duration::from_millis(200));
        assert!(!worker.is_finished());
        job.stop();
        let start = Instant::now();
        assert!(worker.join().unwrap().is_err());
        assert!(start.elapsed() < Duration::from_secs(20));
    });
}

#[test]
fn long_texts_are_encoded_like_short_ones() {
    let words = tokenizer("a|b+");
    let text = "abb".repeat(50_000);
    assert_eq!(encode(&words, &text).unwrap(), [0, 1].repeat(50_000));
    assert_eq!(encode(&words, &text[..300]).unwrap(), [0, 1].repeat(100));
}

#[test]
fn normalizers_that_explode_are_refused() {
    let double = json!({"type": "Replace", "pattern": {"String": "a"}, "content": "aa"});
    let doubles = |times| json!({"type": "Sequence", "normalizers": vec![&double; times]});
    let text = open("a+", &doubles(40)).unwrap_err().to_string();
    assert!(text.contains("its normalizers can make a text 1099511627776 times as long"), "{text}");
    assert_eq!(encode(&open("a", &doubles(3)).unwrap(), "a").unwrap(), [0; 8]);
}
