"""Japanese words in romaji: for generated passwords, and for telling what somebody in Japan would try first.

Source: picked by hand for this project from everyday Japanese (no third party's list is copied); they are under the
project's own licence, Apache-2.0. Hepburn spelling, 4 to 8 letters, every word once, neutral, easily read out on the
telephone. The generator draws from WORDS only; the password check knows them all (detection.password_guesses).
"""

from __future__ import annotations

WORDS: tuple[str, ...] = tuple(
    """
    abura aburaage agari ageru ahiru aicho aida aikagi ainame airon aisatsu aisu aizome aizu ajiro ajisai akanbou
    akane akari akarui akatsuki akebono akegata akegumo akeru akiaji akibare akichi akimeku akinai akita akizora
    amagumo amai amaoto amazake amazora ameiro ameoto amidana amigasa amimono anago anata andon aniki ankou anmitsu
    annai anshin antena anzen anzu aoba aodake aoiro aojiso aomidori aomori aomushi aonori aozora appuru arare
    arashi arau arubumu aruku asagao asagi asagohan asahi asakaze asakusa asamoya asanebou asaoki asari asatsuki
    asatsuyu asatte asayake asayu asema ashi ashiato ashiba ashikubi ashimoto ashioto ashita asobiba asobu asoko
    atama atami atarashi atari atarimae atatakai atatame atena ateru atooi atsugami atsugi atsui atsumari atsumeru
    awabi awaji awaodori awayuki ayame ayatori ayumi ayumu azarashi azukaru azuki azumaya baiorin baketsu baketto
    bangohan bangou banira banshaku banzai barei bariki basho basu basuke basutei bataa batta beddo bengoshi benkyou
    benri bentou beppu beranda beruto bidama bijin bijutsu bikkuri biwa boken bokujou bonchi bonsai bonyari botan
    bouken bouon boushi bousou bouya buchou budou bunchou bungaku bunka bunkazai bunko bunmei bunpou buranko burashi
    burausu buri burokku buta butai butsuri buyou byoubu byouin byousha chabin chadana chadou chairo chameshi
    chanoki chanoma chanoyu chanpon chashaku chawan chawanmu chichi chidori chigaku chiiki chiisai chiizu chikara
    chikuwa chikyuu chimaki chirashi chiratto chiri chiroru chishiki chisou chitei chizu chokin chokki choko chokoku
    chokusen chou chouchin chouji choujo chouka choukan choukoku choumen chouri choushi chuugaku chuuka chuumoku
    chuumon chuuou chuusha chuushin curry daibutsu daichi daidai daifuku daigaku daigo daihon daihyou daijoubu
    daikichi daikoku daikon daiku daimei daimyou daisuki daiya daizu danbou danchi dango dansu daruma dashi dasu
    deguchi denchi denen denki denkyuu denpyou denryoku denryuu densetsu densha dentaku dentou denwa denwaki depaato
    dezain dobin dobutsu dodai dojo dokidoki doko dokusho doma donburi donguri doraiba dorayaki doro doryoku dosei
    doukan douki doukutsu doumei douro douwa douzo doyou ebifurai ebisu edaha edamame egao ehagaki ehon eiga eigakai
    eigakan eigo eigyou eikyuu eisei ekiben ekichou ekimae enbi enchou endou engawa engei engi enikki enjin enkai
    enkei ennichi enoki enpitsu enryo ensoku ensou entotsu enzeru epuron erabi erabu erebeeta erimaki fooku fubuki
    fude fudebako fugu fujiiro fukahire fukai fukami fukasa fukitoru fukkatsu fuku fukugyou fukui fukuju fukumen
    fukumi fukuoka fukuro fukurou fukusha fukusou fukutsu fumikiri fumoto funa funabin funade funanori funatabi
    funayado fundo fune funsui funwari furaito furesshu furiko furin furisode furoba furudera furuhon furui furusato
    fushigi fusuma futaba futago futamata futari futatabi futatsu futoi futon fuufu fuukei fuumi fuusen fuusha
    fuutou fuyu fuyuyama gaitou gaka gake gakki gakkou gakubu gakuchou gakufu gakuran gakusei gakusha gakushuu gamu
    ganbari ganjitsu garasu gasshuku gatchiri genba gendai genin genkan genki genkotsu genmai genshi genzai genzou
    geta getsuyou gifu gijutsu ginga giniro ginkou ginmaku ginnan ginsekai ginyuu gishi gitaa gobo gochisou gofuku
    gogatsu gogo gohan goikou gojuu goma gomoku gorira gorufu goshiki goten gouka goukaku gouryuu gurando gurasu
    guraundo guriin gyokai gyomu gyosen gyouji gyouza gyudon gyunyu habataki habutae hachou hadashi hagaki hagoita
    hagoromo haguruma haha haiiro haikan haikei haikingu haiku haisha haitatsu haiyuu hajimari hajimeru hakama
    hakata hakkou hako hakobu hakodate hakone hakuba hakubai hakucho hakui hakusai hakusen hakushi hakushu hama
    hamabe hamachi hamaguri hamo hana hanabi hanabira hanakago hanakaze hanami hanao hanasaki hanashi
    hanasu hanataba hanawa hanaya hanayome hanbei hanbun handoru hanei hangaku hankachi hannya hanseki hanten hanto
    haori haoto happa happyou harappa harau haregi hari harigane harimaze harinezu haru harumaki haruna harusame
    harusora hasami hasamu hashi hashigo hashioki hashira hashiri hashiru hasu hata hatake hataki hato hatoba
    hatsubai hatsuka hatsuon hatten hayai hayaoki hayasa hayashi hayate hazama hazuki hebi heibon heichi heika
    heikin heimen heisei heiwa heiya hekiga henji henka henkan hensei hentou heya hibachi hibari hibiki hidaka
    hidamari hidari hidokei higashi higata higure hihyou hiiragi hiji hijiki hikage hikari hikitori hikouba hikouki
    hiku hikui hikyou himawari himeji himekuri himitsu himo hinadori hinan hinata hinichi hinoki hinotori hinto
    hirame hiraya hiroba hiroi hirosa hirou hiru hirugao hiruma hirune hisashi hisho hisui hitai hitashi hitode
    hitoiki hitomi hitonami hitori hitotsu hitsuji hitsuyou hiyake hiyashi hiyoko hiyori hiza hizashi hodou hoho
    hohoemi hoiku hoken hokkaido hokkori hokori hokou hokousha hokuto honbako honbun hondana honmono honne honshu
    honten honya honyaku horenso horikawa hoshi hoshimi hoshuu hosoi hosonaga hotaru hotarubi hotate hoteru hotondo
    hotto houchou houdou hougaku hougan houhou houjicha houkago houki houkou houmon hounen houritsu houseki housou
    houtai houwa hyakka hyakunin hyou hyouga hyoushi hyoutan hyuuga ibento ichiba ichigo ichiji ichijiku ichimi
    ichirin ichiwa icho idaten ieji igaku igirisu ikada ikari ikebana ikegaki ikioi ikkai ikkei ikoi ikuji ikura
    imamade imohori imoni imori imouto inaho inaka inari inazuma inemuri inoru insatsu intai inuwashi irasshai ireru
    irifune irigomi iriguchi iroai irodori irogami iroha iroiro irori iruka isha ishi ishidan ishidoro ishigaki
    ishikoro ishiku ishizue isobe isogu issei isshoku isshun issui itachi itadaki itamae itazura itoko itou itsuka
    itsumo itsutsu iwaba iwabue iwana iwashi iwashio izakaya izayoi izumi izutsu jagaimo janguru janken jibun jidai
    jidou jidousha jigyou jihan jikan jiki jikken jikkou jikoku jimen jimichi jimoto jindai jinja jinji jinsei
    jishaku jisho jisshuu jitaku jiten jitensha jitsuwa jiyuu jizou jogingu joobu joryuu josei joshi josou jouba
    jouei jougi jouhou joukaku jouki joukyaku joukyou joumon jouro jousha jouyou jouzu jukuchou junban junbi junchou
    junjou junkan junsui jutaku juuban juudai juudou juugoya juuryoku juusho juusu juutan juyou kaaten kaba kaban
    kabayaki kabe kabin kabocha kabosu kabura kabuto kado kaede kaeriji kaeru kaeshi kaesu kafun kagaku kagami
    kagaribi kagayaki kagerou kagi kagiana kago kaguya kaidan kaidashi kaidoku kaidou kaien kaifuku kaigan kaigara
    kaigi kaihatsu kaihou kaijou kaijuu kaikei kaiken kaikon kaikyou kaimono kainushi kairou kairyuu kaisei kaisen
    kaisha kaishi kaitaku kaiten kaitou kaiwa kaiyou kaizoku kajitsu kajiya kajou kajuen kakashi kakato kakejiku
    kakeru kaketsu kakezan kaki kakine kakitome kakizome kakko kakkou kako kakomu kaku kakudo kakunin kakurega
    kakusei kama kamaboko kamadoki kamakiri kamakura kame kamera kami kamidana kamikuzu kaminari kamioki kamo kamome
    kamukamu kanamono kanari kanazawa kanban kandan kandou kane kangaeru kangaru kangei kangoshi kani kanji kanjou
    kankei kankitsu kankou kanmi kanmuri kanna kannen kanpai kanpeki kanpou kanreki kanrui kansai kansatsu kansei
    kansha kanshin kansou kantan kanten kantou kanzume karaage karada karafuru karai karakasa karakuri karaoke
    karappo karashi karasu karate karatsu kareha karei karendaa karikomi kariru karugamo karui karuishi karuta kasa
    kasanaru kasaneru kasegi kasei kashu kasoku kassai kasumi kasutera kata katachi katadori katana kataomoi
    katarite katazuke katei katsudon katsudou katsugu katsuo katsura kawa kawabata kawabe kawachi kawagoe kawaii
    kawakaze kawamo kawanaka kawara kawaseki kawasemi kawazoi kayabuki kayou kazagumo kazahana kazahaya kazakami
    kazami kazan kazashi kaze kazoeru kazoku keeki keikaku keiken keiko keikoku keiri keisan keisatsu keisei
    keishiki keitai keito keiyou keizai kekka kekkon kenchiku kendama kendou kengaku kenjutsu kenkou kenkyuu kentou
    keshiki kessaku kesshou kesu keyaki kezuru kibako kibana kibori kiboshi kibou kichijou kidou kifuda kigaeru
    kigan kigeki kigi kigumi kigurumi kihon kiiro kiji kijou kikai kikaku kikan kikoeru kikoku kikori kiku kikyuu
    kimagure kimeru kimochi kimono kinen kingou kingyo kiniro kinjo kinkou kinoko kinou kinpaku kinpira kinsei
    kintarou kinto kinyou kinyuu kippu kirakira kirei kiri kirikabu kiriko kirimi kirin kirinuki kirisame kirisha
    kiroku kiru kiseki kisen kisetsu kishi kishou kisoku kissako kissaten kisu kita kitagata kitakaze kitayama
    kitchin kitsune kitte kiwami kizashi kizuna koaji koame koara kobachi kobako kobune kobushi kochou kodachi
    kodama kodomo kodou koedame koeru kofude kofuku kogane kogawa kogen koguma kohaku kohan koharu koharubi koibito
    koicha kojima kokage kokeiro kokemomo kokeshi kokin kokkai kokoa kokoro kokudo kokugo kokuhou koma komaki
    komatsu kome komichi komorebi komugi komusubi konata konayuki konbu koneko konjaku konjou konkai konoha konsome
    koohii kookii koori koorido koorogi koppu koromo kosaji kosame koshi kosode kossori kosumosu kosutomo kotatsu
    koto kotoba kotogara kotoji kotonoha kotori kotoshi kotozute kouba koubai koube koubutsu koucha kouchi koucho
    koudai kouei kouen koufuku kougaku kougei kougen kougyou kouhai kouhou koujou kouka koukai koukan koukoku koukou
    koumori koumyou koura kouro kousa kousaten kousha koushi koushien kousou kousui koutsuu kouya kouyou kouza
    koyama koyomi koyubi koyuki kozaru kozeni kozue kubi kuchibue kudamono kudari kugi kujaku kujira kukan kukkii
    kuma kumade kumamoto kumiki kumitate kumo kumogata kunimi kuraberu kurabu kurage kurai kurashi kurenai kuri kuro
    kurobune kuroiwa kuromame kuroobi kurooto kuroshio kuruma kurumi kusa kusabana kusabue kusahara kusaki kusari
    kusawara kushi kusuri kusuriya kutsu kuufuku kuuki kuukou kuusou kuwabara kuwagata kyabetsu kyaku kyandii kyanpu
    kyatatsu kyori kyou kyoudai kyouiku kyouju kyoukai kyouryu kyoushi kyouto kyuri kyushu kyusu kyuubin kyuudou
    kyuuji kyuukei kyuukou kyuuryo kyuushu mabushii mabuta maccha machiai machida mado madobe maegaki maemuki
    mafuraa magaru magokoro maguro mahoroba mahou maiasa maiban maigo maikai mainichi maitake maitoshi majime
    makaroni makiba makigai makimono makura mamemaki manabi manabu manaita manga mangetsu manjuu mannaka mansaku
    manten marason maru maruta massugu masu matataki matsu matsue matsuri mayonaka mayuge mebae medaka medama megane
    megumi meibutsu meiji meirei meisha meishi meisho meitei mejiro mekuru memori menkai menko menrui merodii meron
    messeeji mezame michi michijun midashi midori migi mihon mijikai mikake mikan mikata mikazuki miki mikoshi mimi
    mimikaki mimizu minami minamo minamoto minarai minashi minato mine minori minoru minshuku minwa minzoku mirai
    mirin miru miruku misaki miso misumi mitsu mitsuba mittsu miyage miyajima miyako miyama miyazaki mizore mizube
    mizubiki mizubune mizuiro mizukusa mizumi mizuoto mizutama mizutori mizuumi mochi modoru moegi mogura moichido
    mokei mokkin mokuba mokuhan mokuji mokusei mokuyou mokuzai momiji momo momoiro momonga monaka mondai mongen
    monooki monosugo montsuki morasu morau mori moriage morinaka morioka motomoto motsu moufu mozuku mugi mugibue
    mugicha mugiwara mujaki mukashi mukau muko munagi mune murasaki murata musubi mutsuki muttsu nabe nabebuta
    nabemono nadare nagai nagame nagano nagareru nagasa nagasaki nagasode nagaya nageru nagisa nagoya naha naifu
    naisho naka nakama nakamise nakaniwa nakayubi naku namako namazu nameko namekuji namikaze namiki nanakusa naname
    nanatsu nanbaa nanohana naoru naosu nara narabi narihira narumi nashi nasu natsu natsume natto nattou nawatobi
    nazonazo nebukuro nedan negai negi negura neiro neji nekko neko nekoze nemuri nendo nengajo nengou nenmatsu
    nenrin nentou neru nezumi nichiyou nigai nigatsu nigiri nigiyaka nihonga niigata niji nijiiro nijimasu nikki
    nikkou nikomi nikuya nimaigai nimotsu ninja ninjin ninjou ninki ninniku nioi nishi nishibi nishiki nishime
    nishin nitchuu niwa niwaka niwatori nobasu nobori noboru nodoka nohara nojuku nokogiri nomimono nomu nonbiri
    nonohana nooto noren nori noriba norimaki norimono noroshi noufu nougaku nouhin nugu nukumori numa numachi nuno
    nurie nyuugaku nyuuin nyuujou nyuusha nyuusu nyuuyoku obaachan obasan obentou obijime oboe oboeru obon oboro
    ocha ochazuke ochiba odango odayaka odemukae odori odoriba odoroki odoru ofukuro ogakuzu ogawa ohagi ohajiki
    ohanami ohina ohirune ohisama ohitashi oishii oita oiwai ojigi ojiisan ojousan okaasan okaeri okage okamochi
    okashi okayama okayu okazu okidokei okimono okiniiri okiru okonomi okoru okosama okuba okujou okuno okuru
    okuyuki omamori omatsuri omedetou omikuji omisoka omiyage omocha omoi omoide omoiyari omosa omou omusubi onaji
    oneesan onegai ongaku onigiri onigokko oniisan oniyuri onkyou onpu onsen onshitsu oobune oodoori ookami ooki
    ookina oomisoka oomizu oomugi oonami oosaka oosawa ooyama ooyuki orenji origami orimono oriru osanpo osara
    osechi oseibo oshaberi oshare oshibana oshibori oshiete oshiire oshiro oshiruko osoi osushi osusume otafuku
    otaru otedama otegami otehon otera otogi otohime otoko otome otona otonari otooto otousan otouto otsukai
    otsukimi otsumami ougon ouji oukan oukoku oumu ounabara ourai ousama ousetsu owan owari owaru oyakata oyako
    oyakodon oyatsu oyayubi oyogu oyuki ozouni pajama panda panya parasoru pasokon pazuru pedaru penchi pengin
    penguin penki perapera piano piiman pikapika piman pinku pirafu posuto potapota purin raamen raigetsu rainen
    raion raishu raishuu raitaa rajio rakkasei rakko rakkyo rakuda rakuen rakugo ramen ramune ranchi ranma ranpu
    rappa reibou reigi reikin reisui reizouko rekishi remon renga renge renkon rensai renshuu retasu rika rikishi
    rikka ringo rinjin rippa risou risu roba robotto rojiura roketto rokuga rokujuu rokuro rosenzu roujin rouka
    rousoku ruri rusuban ryokan ryokou ryoudo ryoukin ryoumen ryouri ryouriya ryoushi ryoushin ryoushuu ryouyou
    ryuuguu ryuukou ryuusei saabisu saba sabaku sabishii saboten sado sadou sagaru sagasu sagi sagyou saidaa saifu
    saigetsu saigo saihou saijitsu saikai saiken saikoro saikou sainan sainou saisei saisen saishin saisho saiwai
    saji saka sakaba sakana sakanaya sakasama sake sakiyuki sakka sakkaa sakubun sakuhin sakura sakusen sakuya
    samidare samui samurai sanbashi sanbon sanchou sandaru sangatsu sango sankai sankaku sankou sanma sanmyaku sanpo
    sanrin sansai sanshou sanshuu sapporo sarasara saru sasabune sasanoha sasayaki sasazuke sashimi sato satoimo
    satori satoyama satsuki sawa sawagani sawayaka sayonara sayori sazae sazanami sazanka sebiro sedai seibutsu
    seifuku seigen seigyo seihin seiji seijin seikatsu seikou seimei seimon seinen seiretsu seiri seiryu seishin
    seisho seishun seisou seitetsu seito seiza seizon sekai sekiban sekihan sekinin sekirei sekitan sekiyu semai
    semento semi senaka senbei sencha senchou sendai sengen senkou senmen senmon sennin senpuuki senrei senro sensai
    sensei senshu sensu sensui sentaku senten senzai seoru serifu sesuji setomono setsubi setsubun setsumei shachi
    shachou shain shakai shakkuri shamisen shamoji shanpuu sharin shasei shashin shashou shiawase shibafu shibai
    shibori shichimi shidare shigatsu shigoto shigure shiitake shijimi shijuu shika shikaku shikakui shiken shikichi
    shikisai shikoku shima shimai shimauma shimeji shimeru shimo shinai shinario shinboku shinbun shinchou shindai
    shingou shinju shinnen shinobi shinri shinsei shinsen shintai shio shiohi shiokaze shiosai shippo shirabe
    shiraga shirasu shiro shiruko shisei shisha shiso shisou shita shitaku shiwasu shizen shizuka shizuku shizumu
    shizuoka shoga shogatsu shokki shokubai shokudou shokuhin shokuji shokunin shokupan shoppai shosai shoubai
    shoubu shouen shougai shougi shougun shouji shoujo shoukai shouko shoumei shounen shourai shoutai shouten shoyu
    shuchou shufu shugei shukin shukudai shukumei shumi shungiku shuppan shutoken soba sobakasu sobaya sobo soboku
    sodachi sodateru sofa sofu sokkuri sokudo somen sonkei sonota sopurano sora sorairo soramame soramoyo soroban
    soto sotogawa sougen soujiki soukai soukei soumen soumu soushun soyogu soyokaze subako sudachi sudare sudatsu
    sugata sugi sugoroku suibun suichuu suidou suiei suihanki suijou suika suimen suimin suiren suiri suiryoku
    suisaiga suisei suisha suishou suisoku suisou suitou suiyou sujigaki sukaafu sukeeto sukii sukiyaki sukoshi
    sukoyaka sumi sumika sumire sumiyaki sumomo sumou suna sunahama sunao sunayama supiido supootsu suppai suppon
    surume sushi susuki susukino sutaa sutairu sutando suteki sutoobu suugaku suwaru suzu suzukaze suzume suzunari
    suzuri suzushii tabekata tabemono taberu tabi tabibito tabiji tachiba tadaima taifu taihaku taihei taihou taiiku
    taikai taikei taiki taiko taikutsu taimen tairiku tairyou taisaku taisetsu taishi taisou taitei taiyaki taiyaku
    taiyou taizai tajima taka takadai takai takane takara takasa takatobi takayama takemori takenoko takeuma taki
    takibi takigawa takkyuu tako takoage takoyaki takuan takumi takushii tamago tamaire tamaki tamanegi tamanori
    tamashii tanabata tanada tanago tanbarin tanbo tane tanemaki tani taniai tanigawa tanima tanjoubi tanka tankai
    tankou tanomu tanoshii tanpopo tansha tanshin tansu tanuki tanzaku tara tarai tarako tareme taru tasogare
    tasukeru tasuki tatami tategoto tatemono tateyama tatsu tatsujin tayori tazuna tebako tebiki tebukuro techou
    tedori tegakari tegami tehajime tehon teian teibou teichou teien teikei teikoku teinei teiryuu teitaku tejina
    tekagami tekubi temaki temari temijika tenbin tenbou tendon tendou tenisu tenjikai tenjo tenkai tenkei tenken
    tenki tenmado tenmon tennen tennyo tenohira tenpura tensai tenshi tentai tentou tenugui teppan teppen terakoya
    terasu terebi teruteru tesage tesaki tesou tetsu tetsubin tetsudou tezukuri tobibako tobiishi tobira tobiuo tobu
    tochuu todana todokeru tofu toge toguchi toire tojimari tokage tokei tokibi tokimeki tokkyuu tokonoma tokoro
    tokoya tokugi tokuhon tokui tokusan tomarigi tomaru tomato tonakai tonari tonbi tonbo tonchi tonjiru tonkatsu
    tonneru tooasa tooboe toofu toomi toomichi toppatsu tora torakku toranpu torihada torihiki torii torikago
    torimono torinoko torokko tororo toryou toshokan totemo totonoe totteoki tottori touban touchaku toudai toudori
    touen toufuya tougei touhoku touji touka toukei touki toumei tounyuu touri touryou toushi touyou touzai toyama
    tozan tsubaki tsubame tsubasa tsubo tsubomi tsuchi tsuchiya tsudoi tsugumi tsukamu tsukeru tsuki tsukihi tsukimi
    tsukiyo tsukue tsukuru tsukushi tsumami tsume tsumetai tsumiire tsumiki tsumori tsunagu tsurara tsuri tsuriito
    tsurizao tsuru tsurushi tsutaeru tsutsuji tsutsumi tsuuchou tsuugaku tsuukin tsuuro tsuushin tsuuyaku tsuyoi
    tsuyomi tsuyu tsuzuki tsuzura uchiage uchikake uchimizu uchiwa uchuu uchuujin udegumi udemae udewa udon uekiya
    uetsuke ugoku uguisu ukabu ukeru ukigumo ukikusa ukiwa ukiyo ukiyoe umeboshi umeshu umibe umibouzu umidori
    umigame umikaze uminari unagi unajuu undou undoukai unkai unkou unmei unpan untei untenshu uragawa uraguchi
    uranai uraniwa urashima urayama ureshii uriba uroko urushi usagi ushi ushiro usugumo usui usukuchi utagoe
    utaimono utakata utatane utau utsusu utsuwa uwabaki uwagi uwasa wadachi wadaiko wafuku wafuu wagami wagasa
    wagashi waiwai wakaba wakagi wakai wakakusa wakame wakamono wakareru wakasagi wakashio wakatake wakayama
    wakuwaku wanage warabe warabi waraji warau wasabi wasei washi washitsu wasureru wataame watage wataru watashi
    watayuki wazuka yadokari yadoya yagasuri yagi yaguruma yaita yakan yakiguri yakiimo yakimono yakiniku yakinori
    yakisoba yakitori yakiudon yakkyoku yakugara yakusho yakusoku yakuwari yakyuu yama yamaai yamabato yamabiko
    yamabuki yamadera yamagata yamagoya yamaguni yamaimo yamaji yamakage yamakaze yamame yamaneko yamanote yamaoku
    yamasato yamase yamori yanagawa yanagi yane yaneura yaoya yasai yasashii yashiki yasumi yasumu yasuragi yasuuri
    yatai yattsu yayoi yoake yobigoe yobikou yobirin yoguruto yohaku yohodo yoichi yokan yokei yokochou yokogao
    yokohama yokubari yomikaki yomimono yomise yomogi yomu yonaka yoriai yorokobi yoru yosamu yosegi yosenabe yosoku
    yosooi yotei yotto yottsu youbi youbou youchien youfuku yougan yougo youhin youi youji youjin youka youkan youki
    youkoso youmou younenki youri youroppa yousai yousei yousha youshi youshoku yousu youyaku yowai yoyaku yozora
    yubi yubinuki yubisaki yubiwa yuenchi yugata yuhi yuka yukai yukata yukemuri yuki yukidama yukidoke yukiguni
    yukikage yukimi yukiyama yukkuri yume yumeji yumemi yumoto yunoki yunomi yuri yurikago yurusu yusuzumi yutaka
    yuubae yuudachi yuuenchi yuugao yuuge yuugure yuuhan yuuhi yuuhodou yuujou yuukan yuukaze yuuki yuumei yuunagi
    yuuran yuusei yuushoku yuuyake yuuyami yuuzen yuzu zabun zabuton zaiko zakka zakuro zannen zansetsu zanshin
    zarigani zaru zaseki zashiki zasshi zatsuon zawameki zazen zenbu zenchou zengaku zengo zenin zenkoku zenmai
    zenryoku zensai zenshin zentai zenya zenzai zeppeki zosui zouge zouka zoukin zouni zouri zousen zubon zuihitsu
    zukan zukei zukin
    """.split()
)

# The commonest family and given names and the phrases people build passwords from; never used by the generator.
# By frequency of names in Japan and by what lists of stolen passwords show; picked by hand as well.
NAMES_AND_PHRASES: tuple[str, ...] = tuple(
    """
    sato satou suzuki takahashi tanaka watanabe ito itou yamamoto nakamura kobayashi kato katou yoshida yamada
    sasaki yamaguchi matsumoto inoue kimura hayashi shimizu yamazaki mori abe ikeda hashimoto yamashita ishikawa
    nakajima maeda fujita ogawa goto gotou okada hasegawa murakami kondo kondou ishii saito saitou sakamoto endo
    endou aoki fujii nishimura fukuda ota oota miura fujiwara okamoto matsuda nakagawa nakano harada ono tamura
    takeuchi kaneko wada nakayama ishida ueda morita hara shibata sakai kudo kudou yokoyama miyazaki miyamoto uchida
    takagi ando andou taro tarou jiro jirou saburo ichiro ichirou hanako yuki yuuki haruka sakura yui aoi hina rin
    mei mio miyu yuna akari misaki nanami ayaka natsumi kaori yoko youko keiko kazuko sachiko michiko yumi yuka mika
    takashi hiroshi kenji makoto daisuke kenta shota shouta takumi naoki kazuya tatsuya yusuke ren haruto yuto souta
    hayato riku daisuki aishiteru arigatou ohayou konnichiwa konbanwa sayonara oyasumi ganbaru nihon nippon japan
    tokyo toukyou osaka kyoto pasuwado pasuwaado himitsu anshou kaisha mail meeru webmail denki welcome admin master
    kanri kanrisha ohayougozaimasu arigatougozaimasu arigatougozaimashita otsukaresama otsukaresamadesu yoroshiku
    yoroshikuonegaishimasu osewaninatteorimasu gomennasai sumimasen ganbatte ganbare aishiteiru daisukidayo sukidesu
    shiawase tanjoubi omedetou watashi watashino anatano boku bokuno orenno namae anshoubangou rogin hirakegoma
    aikotoba iroha irohanihoheto aiueo kakikukeko sashisuseso tachitsuteto naninuneno hahifuheho mamimumemo yayuyo
    rarirurero doraemon nobita gandamu pikachu pikachuu pokemon onepiece naruto totoro anpanman kitty hellokitty
    mario ultraman urutoraman kamenrider jump disney dizunii hanshin tigers taigaasu giants kyojin carp hawks
    dragons swallows baseball yakyuu soccer sakkaa sumo samurai ninja fujisan fujiyama sakurasaku himawari nadeshiko
    hokkaido sapporo sendai saitama chiba yokohama kanagawa nagoya aichi kobe koube hiroshima fukuoka kagoshima
    okinawa shibuya shinjuku ginza akihabara asakusa harajuku reiwa heisei shouwa showa taishou meiji olympic
    orinpikku password passwd login secret letmein iloveyou computer pasokon keitai sumaho denwa denwabangou mailbox
    meeruadoresu kabushikigaisha yuugengaisha shachou soumu keiri eigyou jimusho honsha shisha toiawase otoiawase
    koukoku office contact sales support shop store info order
    """.split()
)
