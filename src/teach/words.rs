//! What a profile's review says, in words: the same on the command line and in the window.

use moue_profile::Review;

/// How well it reads, what it cannot tell apart, and whether the network alone reads better; a line each.
#[must_use]
pub fn review_lines(names: &[String], review: Option<&Review>) -> Vec<String> {
    let Some(review) = review else {
        let text = "Each expression has one take, so nothing could be held out: how well it reads is not known. Add a second \
                    take of each.";
        return vec![text.into()];
    };
    let own = review.personal;
    let [low, high] = own.interval().map(|v| 100.0 * v);
    let mut lines = vec![format!(
        "Takes that were held out: {} of {} read right, {:.0} % (of many more, probably between {low:.0} and {high:.0} %: the \
         interval of 95 %)",
        own.right,
        own.takes,
        100.0 * own.share()
    )];
    for pair in &review.alike {
        let [a, b] = pair.classes.map(|k| names.get(k).map_or("?", String::as_str));
        lines.push(format!(
            "{a} and {b} look alike to it ({:.0} % of their takes are taken for the other)",
            100.0 * pair.share
        ));
    }
    if let Some([profile, network]) = review.compared {
        lines.push(format!(
            "Of the {} that show what the network knows too, the profile read {} right, the network alone {}",
            profile.takes, profile.right, network.right
        ));
    }
    if !review.not_measured.is_empty() {
        lines.push(
            "Until each expression has two takes, a face that shows none of them is still read as one of them.".into(),
        );
    }
    if review.is_worse_than_the_network() {
        let text = "It reads worse than the network alone: do not use it. Add takes, in the light in which it will be used.";
        lines.push(text.into());
    }
    lines
}
