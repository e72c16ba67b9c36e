# Untried. Builds from source; `url` and `sha256` are a release's.
class Moue < Formula
  desc "Real-time facial-expression recognition on your own machine"
  homepage "https://example.invalid/moue"
  url "https://example.invalid/moue-0.1.0.tar.gz"
  sha256 "0" * 64
  license any_of: ["MIT", "Apache-2.0"]

  depends_on "rust" => :build
  depends_on "ffmpeg" => :recommended

  def install
    system "cargo", "install", *std_cargo_args
    system bin/"moue", "generate", buildpath/"files"
    man1.install Dir["files/man/*.1"]
    bash_completion.install "files/completions/moue.bash" => "moue"
    zsh_completion.install "files/completions/_moue"
    fish_completion.install "files/completions/moue.fish"
  end

  test do
    assert_match version.to_s, shell_output("#{bin}/moue --version")
    assert_match "AttentionEmotionNet", shell_output("#{bin}/moue model")
  end
end
