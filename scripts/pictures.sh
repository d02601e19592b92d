#!/usr/bin/env bash
# Pictures for README and docs: the browser tests that look at all pages take them on their way. Those that no page shows go again.
set -euo pipefail
cd "$(dirname "$0")/.."
bash scripts/packages.sh chromium=chromium pngquant=pngquant
rm -rf docs/pictures
PICTURES=docs/pictures node --import tsx --test --test-timeout=600000 test/browser/every-page.test.ts test/browser/every-state.test.ts
for file in docs/pictures/*.png; do
  grep -qs "pictures/$(basename "$file")" README.md docs/*.md || rm "$file"
done
pngquant --force --ext .png --quality 60-90 docs/pictures/*.png
