// Copy a field or a text, and say so.
document.addEventListener('click', async (event) => {
  const button = event.target.closest('[data-copy]')
  if (!button) return
  const source = document.querySelector(button.dataset.copy)
  const text = (source.value ?? source.textContent).trim()
  try {
    await navigator.clipboard.writeText(text)
  } catch {
    // Plain HTTP on an address that is not loopback has no clipboard: select it for the person instead.
    if (source.select) source.select()
    else getSelection().selectAllChildren(source)
    return toast('Selected. Press Ctrl C to copy it.')
  }
  toast(button.dataset.copied)
})

document.addEventListener('click', (event) => {
  if (event.target.closest('[data-print]')) print()
})
