#!/usr/bin/env bash
# A picture of every page, for docs: the browser test that looks at all of them takes them on its way.
set -euo pipefail
cd "$(dirname "$0")/.."
bash scripts/packages.sh chromium=chromium pngquant=pngquant
rm -rf docs/pictures
PICTURES=docs/pictures node --import tsx --test --test-timeout=600000 test/browser/every-page.test.ts test/browser/every-state.test.ts
pngquant --force --ext .png --quality 60-90 docs/pictures/*.png
