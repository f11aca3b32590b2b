#!/usr/bin/env bash
# What a release is made of, into dist/: static binaries that know their version, completions, manual pages, the list of what each binary is
# made of (SBOM, CycloneDX), packages for Debian and Red Hat, checksums of all of it. The same commit, Go, tools and version give the same
# bytes, wherever and whenever they are built.
#
# The list needs cyclonedx-gomod (go install github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod@v1.10.0), the packages need nfpm (go
# install github.com/goreleaser/nfpm/v2/cmd/nfpm@v2.45.2). Without one of them it says so and makes the rest.
#
#   deploy/build.sh 0.2.0              # of the commit that is checked out
#   ARCHS=amd64 deploy/build.sh 0.2.0  # for one architecture
set -euo pipefail
version="${1:?say which version: deploy/build.sh 0.2.0}"
version="${version#v}"
cd "$(dirname "$0")/.."
revision="${REVISION:-$(git rev-parse HEAD)}"
out="${OUT:-dist}"
umask 022
rm -f "$out"/*.deb "$out"/*.rpm # of another version
mkdir -p "$out/completions"
for arch in ${ARCHS:-amd64 arm64}; do
  CGO_ENABLED=0 GOOS=linux GOARCH="$arch" go build -trimpath -buildvcs=false \
    -ldflags "-s -w -buildid= -X signet/internal/release.version=$version -X signet/internal/release.revision=$revision" \
    -o "$out/linux_$arch/signet" ./cmd/signet
  if command -v cyclonedx-gomod >/dev/null; then
    cyclonedx-gomod bin -json -std -noserial -notimestamp -version "v$version" \
      -output "$out/linux_$arch/signet.cdx.json" "$out/linux_$arch/signet"
  else
    echo "cyclonedx-gomod is not there: no SBOM is made" >&2
  fi
done
here="$(go env GOHOSTARCH)"
if [ -x "$out/linux_$here/signet" ] && [ "$(go env GOHOSTOS)" = linux ]; then
  "$out/linux_$here/signet" completion bash >"$out/completions/signet.bash"
  "$out/linux_$here/signet" completion zsh >"$out/completions/_signet"
  "$out/linux_$here/signet" completion fish >"$out/completions/signet.fish"
fi
rm -rf "$out/man"
CGO_ENABLED=0 go run -trimpath -buildvcs=false -tags man -ldflags "-X signet/internal/release.version=$version" \
  ./cmd/signet "$out/man"
gzip -9n "$out"/man/*.1 # without name and time
if command -v nfpm >/dev/null; then
  SOURCE_DATE_EPOCH="${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}" # the time of every file in them
  export SOURCE_DATE_EPOCH OUT="$out" VERSION="$version"
  for arch in ${ARCHS:-amd64 arm64}; do
    for kind in deb rpm; do ARCH="$arch" nfpm package --config deploy/nfpm.yaml --packager "$kind" --target "$out/" >/dev/null; done
  done
else
  echo "nfpm is not there: no packages are made" >&2
fi
(cd "$out" && find . -type f ! -name SHA256SUMS | sort | sed 's|^\./||' | xargs sha256sum >SHA256SUMS)
