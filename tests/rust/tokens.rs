//! Tokenizers whose regular expressions take too many steps.

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use elastic_core::Job;
use elastic_core::tokens::{Bpe, GiveUp};
use serde_json::json;

/// A tokenizer of words that a regular expression finds.
fn tokenizer(pattern: &str) -> Bpe {
    let json = json!({
        "version": "1.0",
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
    Bpe::open(&path).unwrap()
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
    // Half a million positions with up to as many steps each.
    let reason = encode(&tokenizer("a*b"), &"a".repeat(500_000)).unwrap_err();
    assert_eq!(reason, "its regular expression gives up on the text: retry-limit-in-search over");
}

#[test]
fn a_match_that_needs_too_much_memory_is_refused() {
    let reason = encode(&tokenizer("(?:a|b)*c"), &"ab".repeat(16 << 20)).unwrap_err();
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
