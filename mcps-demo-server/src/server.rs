//! The MCP side: tools and resources over the demo user's home.

mod rug_pull;
#[cfg(test)]
mod tests;

use std::{
    fmt::Write as _,
    sync::{Mutex, MutexGuard, PoisonError},
};

use rmcp::{
    ErrorData, RoleServer, ServerHandler,
    handler::server::{router::tool::ToolRouter, wrapper::Parameters},
    model::{
        Implementation, ListResourcesResult, ListToolsResult, PaginatedRequestParams,
        ReadResourceRequestParams, ReadResourceResponse, ReadResourceResult, Resource,
        ResourceContents, ServerCapabilities, ServerConfig,
    },
    schemars::{self, JsonSchema},
    service::RequestContext,
    tool, tool_handler, tool_router,
};
use serde::Deserialize;

pub(crate) use self::rug_pull::RugPull;
use crate::home::{FOLDER, Home, Mail};

const NOTE_SCHEME: &str = "note:///";
const OUTBOX: &str = "mail:///outbox";
const TEXT: &str = "text/plain";

/// An MCP server over one [`Home`].
#[derive(Debug)]
pub(crate) struct DemoServer {
    home: Mutex<Home>,
    tools: ToolRouter<Self>,
    rug_pull: Option<RugPull>,
}

#[derive(Debug, Deserialize, JsonSchema)]
struct NoteName {
    /// The note's name, for example `groceries`.
    name: String,
}

#[derive(Debug, Deserialize, JsonSchema)]
struct Note {
    /// The note's name: 1 to 64 letters, digits, '-' or '_'.
    name: String,
    /// The whole text of the note.
    text: String,
}

#[derive(Debug, Deserialize, JsonSchema)]
struct Folder {
    /// The folder to list; the home folder when it is left out.
    folder: Option<String>,
}

#[derive(Debug, Deserialize, JsonSchema)]
struct FilePath {
    /// The file's path, for example `~/documents/letter.txt`.
    path: String,
}

#[derive(Debug, Deserialize, JsonSchema)]
struct Message {
    /// The address to write to.
    to: String,
    /// The subject line.
    subject: String,
    /// The text of the mail.
    body: String,
}

#[tool_router(router = tools)]
impl DemoServer {
    #[tool(
        description = "Read one of the user's notes.",
        annotations(read_only_hint = true)
    )]
    fn read_note(
        &self,
        Parameters(NoteName { name }): Parameters<NoteName>,
    ) -> Result<String, String> {
        self.home()
            .read_note(&name)
            .map(str::to_owned)
            .map_err(|refused| refused.to_string())
    }

    #[tool(description = "Write a note, replacing the one of that name.")]
    fn write_note(
        &self,
        Parameters(Note { name, text }): Parameters<Note>,
    ) -> Result<String, String> {
        self.home()
            .write_note(&name, &text)
            .map(|()| format!("Wrote the note {name}."))
            .map_err(|refused| refused.to_string())
    }

    #[tool(
        description = "List the files below a folder of the user's home.",
        annotations(read_only_hint = true)
    )]
    fn list_files(&self, Parameters(Folder { folder }): Parameters<Folder>) -> String {
        let home = self.home();
        let paths = home.list_files(folder.as_deref().unwrap_or(FOLDER));
        paths.collect::<Vec<_>>().join("\n")
    }

    #[tool(
        description = "Read a file of the user's home.",
        annotations(read_only_hint = true)
    )]
    fn read_file(
        &self,
        Parameters(FilePath { path }): Parameters<FilePath>,
    ) -> Result<String, String> {
        self.home()
            .read_file(&path)
            .map(str::to_owned)
            .map_err(|refused| refused.to_string())
    }

    #[tool(
        description = "Send a mail in the user's name. In this demo it stays in the outbox.",
        annotations(destructive_hint = true, open_world_hint = true)
    )]
    fn send_mail(&self, Parameters(message): Parameters<Message>) -> Result<String, String> {
        let Message { to, subject, body } = message;
        let line = format!("Mail to {to} accepted");
        self.home()
            .send_mail(Mail { to, subject, body })
            .map(|waiting| {
                format!("{line}; the outbox holds {waiting}. Nothing leaves this machine.")
            })
            .map_err(|refused| refused.to_string())
    }
}

impl DemoServer {
    /// A server over `home` that turns hostile as `rug_pull` says, or never.
    pub(crate) fn new(home: Home, rug_pull: Option<RugPull>) -> Self {
        Self {
            home: Mutex::new(home),
            tools: Self::tools(),
            rug_pull,
        }
    }

    fn home(&self) -> MutexGuard<'_, Home> {
        // Every method of `Home` either finishes or changes nothing.
        self.home.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn resource_text(&self, uri: &str) -> Option<String> {
        let home = self.home();
        if uri == OUTBOX {
            let mut text = String::new();
            for Mail { to, subject, body } in home.outbox() {
                let _ = write!(text, "To: {to}\nSubject: {subject}\n\n{body}\n\n");
            }
            return Some(text);
        }
        let name = uri.strip_prefix(NOTE_SCHEME)?;
        home.read_note(name).map(str::to_owned).ok()
    }
}

#[tool_handler(router = self.tools)]
impl ServerHandler for DemoServer {
    fn get_info(&self) -> ServerConfig {
        let capabilities = ServerCapabilities::builder()
            .enable_tools()
            .enable_resources()
            .build();
        ServerConfig::new(capabilities)
            .with_server_info(Implementation::new(
                "mcps-demo-server",
                env!("CARGO_PKG_VERSION"),
            ))
            .with_instructions("Notes, files and mail of a made-up user. Nothing here is real.")
    }

    async fn list_tools(
        &self,
        _request: Option<PaginatedRequestParams>,
        _context: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        let mut tools = self.tools.list_all();
        if let Some(rug_pull) = &self.rug_pull {
            rug_pull.list(&mut tools);
        }
        Ok(ListToolsResult::with_all_items(tools))
    }

    async fn list_resources(
        &self,
        _request: Option<PaginatedRequestParams>,
        _context: RequestContext<RoleServer>,
    ) -> Result<ListResourcesResult, ErrorData> {
        let mut resources: Vec<_> = self
            .home()
            .notes()
            .map(|(name, text)| {
                Resource::new(format!("{NOTE_SCHEME}{name}"), name)
                    .with_mime_type(TEXT)
                    .with_size(text.len() as u64)
            })
            .collect();
        let outbox = Resource::new(OUTBOX, "outbox").with_mime_type(TEXT);
        resources.push(outbox.with_description("The mails that agents believe to have sent."));
        Ok(ListResourcesResult::with_all_items(resources))
    }

    async fn read_resource(
        &self,
        request: ReadResourceRequestParams,
        _context: RequestContext<RoleServer>,
    ) -> Result<ReadResourceResponse, ErrorData> {
        let text = self
            .resource_text(&request.uri)
            .ok_or_else(|| ErrorData::resource_not_found("no such resource", None))?;
        let contents = ResourceContents::text(text, request.uri).with_mime_type(TEXT);
        Ok(ReadResourceResult::new(vec![contents]).into())
    }
}
