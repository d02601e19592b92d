// Light or dark at once; the form keeps it.
document.addEventListener('submit', (event) => {
  const choice = event.submitter
  if (!event.target.matches('form.theme') || !choice) return
  event.preventDefault()
  const theme = choice.value
  const secure = location.protocol === 'https:' ? '; Secure' : ''
  const age = theme === 'system' ? 0 : 31536000
  // biome-ignore lint/suspicious/noDocumentCookie: the Cookie Store API is not in every browser, and needs HTTPS
  document.cookie = `theme=${theme}; Path=/; SameSite=Lax; Max-Age=${age}${secure}`
  if (theme === 'system') root.removeAttribute('data-bs-theme')
  else root.dataset.bsTheme = theme
  for (const button of all('button', event.target)) {
    if (button === choice) button.setAttribute('aria-pressed', 'true')
    else button.removeAttribute('aria-pressed')
  }
})
