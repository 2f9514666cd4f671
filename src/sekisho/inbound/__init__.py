"""Mail on its way in: warnings about impersonation and phishing, and the answer to "is this mail genuine?"."""
