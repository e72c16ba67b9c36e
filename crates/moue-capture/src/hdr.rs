//! High dynamic range made fit for screens and for a network that was trained on ordinary pictures.

use std::process::Stdio;
use std::sync::OnceLock;

use super::ffmpeg::command;
use super::probe::Hdr;

/// In linear light, where 1 is the white of ordinary pictures, 100 cd/m2 (ITU-R BT.2035): what is no brighter stays
/// nearly as it is, and brighter values are compressed (a Möbius transform).
const TONE_MAPPING: &str = "zscale=t=linear:npl=100,format=gbrpf32le,zscale=p=bt709,tonemap=tonemap=mobius:desat=0,\
    zscale=t=bt709:m=bt709:r=full,format=gbrp,";

/// ffmpeg's filters for these colours, and what is done, in words.
pub(super) fn conversion(hdr: Hdr) -> (&'static str, String) {
    let name = match hdr {
        Hdr::Pq => "HDR (PQ)",
        Hdr::Hlg => "HDR (HLG)",
    };
    if can_map_tones() {
        (TONE_MAPPING, format!("{name}, tone-mapped by ffmpeg (Möbius, white at 100 cd/m2)"))
    } else {
        ("", format!("{name}, converted without tone mapping: this ffmpeg has no filters zscale and tonemap"))
    }
}

/// Whether ffmpeg was built with what tone mapping needs.
fn can_map_tones() -> bool {
    static CAN: OnceLock<bool> = OnceLock::new();
    *CAN.get_or_init(|| {
        let asked = command("ffmpeg").args(["-hide_banner", "-filters"]).stdin(Stdio::null()).output();
        asked.is_ok_and(|output| {
            let list = String::from_utf8_lossy(&output.stdout);
            ["zscale", "tonemap"].iter().all(|name| list.split_whitespace().any(|word| word == *name))
        })
    })
}
