// A secret goes away by itself.
for (const count of all('[data-hide-after]')) {
  const end = Date.now() + Number(count.dataset.hideAfter) * 1000
  const clock = setInterval(() => {
    const left = Math.ceil((end - Date.now()) / 1000)
    count.textContent = String(Math.max(0, left))
    if (left > 0) return
    clearInterval(clock)
    document.querySelector('#the-key')?.replaceChildren('hidden again')
    location.replace(count.dataset.hideTo)
  }, 250)
}
